#!/bin/sh
# A core dump would contain queried names.
ulimit -c 0
# Runs the program with the Node of the package, never with another Node of the machine.
exec /bin/sh /usr/lib/dns4tor/dist/launch/launch.sh /usr/lib/dns4tor/node /usr/lib/dns4tor/dist/launch/dns4tor.js "$@"
