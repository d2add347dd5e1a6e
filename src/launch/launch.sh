#!/bin/sh
# Replaces itself with Node: with the flags that dns4tor needs, without the variables that would weaken its promises
# (docs/environment.md). Node reads both before it runs any JavaScript, so JavaScript cannot do this.
#
#   sh launch.sh [--probe] NODE ARGUMENT ...
#
# --probe: first finds out which of the flags this Node knows. It does not start with one that it does not know. An old
# Node could not even parse the program, so its version is checked, too.

# Only until Node starts. It resets both to their defaults, until its first line of JavaScript:
# src/cli/run-until-signal.ts.
trap '' HUP USR2

# Without it, SIGUSR1 opens Node's debugger, port 9229, to every user of the machine.
safety='--disable-sigusr1'
# The cache lies outside V8's heap, so the heap keeps nothing of a query. But V8 puts off garbage collection while there
# is memory: with 100,000 answers the process takes 290 MiB instead of 130. With these flags V8 collects as soon as the
# heap has grown by a third, and its nursery at most doubles. (On the command line of Node 24.21
# `--semi-space-growth-factor=1` has no effect.) With a nursery of 1 MiB, the HTTP/2 streams of DoH clients outlive it:
# an answer over DoH costs a sixth more. `--optimize-for-size` makes the heap smaller still, but costs 50 % more CPU
# time for each query that goes upstream.
memory='--heap-growing-percent=30 --max-semi-space-size=2'

# As in package.json.
oldest_node=24

# Whether NODE_OPTIONS holds only flags about speed or memory.
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
  # An empty variable counts as unset: unit files and containers cannot remove a variable, only empty it.
  [ -n "$value" ] && removed="$removed $name"
  unset "$name"
done
# Removed without a warning: other programs set them, for themselves or for the programs that they start.
unset NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE NODE_PATH NODE_UNIQUE_ID SSL_CERT_DIR SSL_CERT_FILE

# Only the daemon runs long enough to gain from the memory flags. In a short command they only cost time.
case " $* " in
  # `tunnel --proxy-dns`, as cloudflared has it, is the same.
  *' proxy-dns '* | *'-proxy-dns '* | *'-proxy-dns='* | *' tunnel '*) flags="$safety $memory" ;;
  *) flags=$safety ;;
esac
if [ "$1" = --probe ]; then
  shift
  version=$("$1" $flags --version 2>/dev/null) || flags=$safety
  [ -n "$version" ] || version=$("$1" $flags --version 2>/dev/null) || flags=
  [ -n "$version" ] || version=$("$1" --version 2>/dev/null)
  number=${version#v}
  # The number is checked first, so that a program that prints something else is simply run.
  case ${number%%.*} in
    '' | *[!0-9]* | ????*) ;;
    *)
      if [ "${number%%.*}" -lt "$oldest_node" ]; then
        printf '%s\n' "dns4tor: this is Node $number, but Node $oldest_node or newer is needed. Install one from\
 https://nodejs.org, or run \`npm start\` in a checkout, which brings its own." >&2
        exit 1
      fi
      ;;
  esac
fi
node=$1
shift
# Tells dns4tor that this was done, and which variables to warn about.
export DNS4TOR_REMOVED="$removed"
exec "$node" $flags "$@"
