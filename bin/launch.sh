#!/bin/sh
# Becomes Node, with the flags that dns4tor needs and without the variables that would weaken its promises:
# docs/environment.md. Node reads both before it runs any JavaScript, so nothing inside of it can do this.
#
#   sh launch.sh [--probe] NODE ARGUMENT ...
#
# --probe: this Node may not know the flags. With one that it does not know, it would not start.

# Until Node is here, which has them end it again until its first line: src/cli/hang-up.ts.
trap '' HUP USR2

# Closes the debugger's door: without it, SIGUSR1 opens port 9229 to every user of the machine.
safety='--disable-sigusr1'
# Nothing of a query stays in V8's heap, for the cache lies outside; but while there is memory V8 puts off looking for
# what is free, and with 100,000 answers the process takes 290 MiB instead of 130. With these it looks as soon as the
# heap has grown by a third, and its nursery stays as small as it is at the start. (On the command line of Node 24.21
# `--semi-space-growth-factor=1` has no effect.) `--optimize-for-size` keeps the heap smaller still, but costs half as
# much CPU time again for each query that goes upstream.
memory='--heap-growing-percent=30 --max-semi-space-size=1'

# Whether each word of NODE_OPTIONS is about speed or memory alone.
is_harmless() {
  set -f
  for word in $1; do
    case $word in
      --max-old-space-size=*[!0-9]* | --max_old_space_size=*[!0-9]*) return 1 ;;
      --jitless | --max-old-space-size=* | --max_old_space_size=*) ;;
      *) return 1 ;;
    esac
  done
}

removed=
for name in \
  DEBUG NODE_COMPILE_CACHE NODE_DEBUG NODE_DEBUG_NATIVE NODE_EXTRA_CA_CERTS NODE_ICU_DATA NODE_OPTIONS \
  NODE_PRESERVE_SYMLINKS NODE_PRESERVE_SYMLINKS_MAIN NODE_REDIRECT_WARNINGS NODE_TLS_REJECT_UNAUTHORIZED \
  NODE_USE_ENV_PROXY NODE_USE_SYSTEM_CA NODE_V8_COVERAGE OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES \
  SSLKEYLOGFILE; do
  eval "value=\${$name-}"
  [ "$name" = NODE_OPTIONS ] && is_harmless "$value" && continue
  # An empty one counts as unset: unit files and containers cannot take a variable away, only empty it.
  [ -n "$value" ] && removed="$removed $name"
  unset "$name"
done
# Set for other programs on many machines, and of no effect on most builds of Node: nothing is said of them.
unset NODE_PATH NODE_UNIQUE_ID SSL_CERT_DIR SSL_CERT_FILE

# The daemon lives long enough to gain by them; what ends in a second only loses time.
case " $* " in
  *' proxy-dns '*) flags="$safety $memory" ;;
  *) flags=$safety ;;
esac
if [ "$1" = --probe ]; then
  shift
  if ! "$1" $flags --version >/dev/null 2>&1; then
    flags=$safety
    "$1" $flags --version >/dev/null 2>&1 || flags=
  fi
fi
node=$1
shift
# Says that this was done, and what there is to tell.
export DNS4TOR_REMOVED="$removed"
exec "$node" $flags "$@"
