#!/bin/sh
# A core dump would hold names that were asked for.
ulimit -c 0
# The program with the Node that came with it, whatever else the machine has.
exec /bin/sh /usr/lib/dns4tor/dist/launch/launch.sh /usr/lib/dns4tor/node /usr/lib/dns4tor/dist/launch/dns4tor.js "$@"
