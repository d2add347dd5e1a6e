/** Variables that set options, in the names of dns4tor and of cloudflared. Some hold secrets, such as bridges. */
const SETTINGS = /^(?:DNS4TOR|TUNNEL)_/;

/** Returns the environment for a program that dns4tor starts: without the variables that set options of dns4tor. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !SETTINGS.test(name)));
}
