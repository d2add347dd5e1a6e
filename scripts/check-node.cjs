// Preloaded by npm scripts (`node --require`), so that an old Node meets a sentence and not a syntax error. Written in
// the JavaScript of 2009, which every Node can parse.
/* eslint-disable no-var -- see above */
var OLDEST = [18, 17];

var version = process.versions.node.split('.');
var isOld = Number(version[0]) < OLDEST[0] || (Number(version[0]) === OLDEST[0] && Number(version[1]) < OLDEST[1]);

if (isOld) {
  process.stderr.write(
    'dns4tor: this is Node ' +
      process.versions.node +
      ', but Node ' +
      OLDEST.join('.') +
      ' or newer is needed to install the Node that dns4tor runs on. Install one from https://nodejs.org.\n',
  );
  process.exit(1);
}
