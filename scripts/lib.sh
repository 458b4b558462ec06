# Shared by the scripts of this folder; to be sourced.
#
# cache      the directory for what is fetched once and kept between runs:
#            $DOVETAIL_CACHE, else /var/cache/dovetail-test for root, else
#            ~/.cache/dovetail-test (internal/peer looks in the same places)
# say, die   messages, with the script's name
# retry      runs a command up to three times
# lock       lets one process at a time prepare NAME
# debian_uri prints the address of the Debian archive this machine uses

me=$(basename "$0")

if [ -n "${DOVETAIL_CACHE:-}" ]; then
  cache=$DOVETAIL_CACHE
elif [ "$(id -u)" = 0 ]; then
  cache=/var/cache/dovetail-test
else
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/dovetail-test
fi

say() { echo "$me: $*" >&2; }

die() {
  say "$@"
  exit 1
}

retry() {
  for pause in 2 10 -; do
    "$@" && return 0
    [ $pause = - ] && return 1
    say "failed, again in ${pause} s: $*"
    sleep $pause
  done
}

# lock NAME: holds the lock until the script ends.
lock() {
  mkdir -p "$cache" || die "cannot make the cache directory $cache (see DOVETAIL_CACHE)"
  exec 9>"$cache/$1.lock"
  flock -w 600 9 || die "another process has held $cache/$1.lock for ten minutes"
}

# debian_uri asks apt, which knows all forms of its own configuration.
debian_uri() {
  apt-get indextargets --format '$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Identifier: Packages' |
    awk -F'|' '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

# need_debian_uri sets uri, updating apt's lists once when they are missing.
need_debian_uri() {
  command -v apt-get >/dev/null || die "apt-get is not here: this needs Debian"
  uri=$(debian_uri)
  if [ -z "$uri" ] && [ "$(id -u)" = 0 ]; then
    retry apt-get -q update >&2 || say "apt-get update failed"
    uri=$(debian_uri)
  fi
  [ -n "$uri" ] || die "apt's lists name no Debian archive (component main): run apt-get update as root"
}
