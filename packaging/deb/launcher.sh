#!/bin/sh
# The program with the Node that came with it, whatever else the machine has.
exec /usr/lib/dns4tor/node /usr/lib/dns4tor/bin/dns4tor.js "$@"
