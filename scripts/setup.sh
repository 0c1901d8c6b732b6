#!/usr/bin/env bash
# Sets up what one command needs: scripts/setup.sh demo|test|sim|bench|check|coverage
#
# Does nothing if everything is there. As root it installs Debian packages; otherwise it asks once
# before sudo (without a terminal: `sudo -n`). Without either it unpacks packages into .deps/ and
# changes nothing outside this folder. SLUICE_SETUP=print only prints the plan.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly DEPS=.deps
readonly APT_DIR=$DEPS/apt
readonly BUILD="g++ cmake make libsodium-dev libssl-dev libhiredis-dev"
readonly SIM="libglfw3-dev libimgui-dev libgl-dev libgl1-mesa-dri libpng-dev libcli11-dev nlohmann-json3-dev fonts-roboto-unhinted"
readonly TEST="libgtest-dev redis-server openssl xvfb xauth"

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
printing() { [[ ${SLUICE_SETUP:-} == print ]]; }

# ---- Checks of the system ------------------------------------------------------------------------

# any GLOB...: whether a file matches, in .deps or where systems keep such files.
any() {
  local glob root
  for glob; do
    for root in "$DEPS/usr" /usr /usr/local /opt/homebrew; do
      compgen -G "$root/$glob" >/dev/null && return
    done
  done
  return 1
}

library() { any "lib/$1.*" "lib64/$1.*" "lib/*/$1.*"; }

command_there() { command -v "$1" >/dev/null || any "bin/$1"; }

compiler_there() {
  local major
  if command -v g++ >/dev/null; then
    major=$(g++ -dumpversion)
    [[ ${major%%.*} -ge 11 ]]
  else
    command -v clang++ >/dev/null
  fi
}

# OpenSSL 3 or newer. Debian keeps the headers that differ by architecture in a separate folder.
openssl_there() {
  any include/openssl/ssl.h && any include/openssl/configuration.h 'include/*/openssl/configuration.h' &&
    library libssl && library libcrypto
}

# hiredis 1.1 or newer; an older one of the system does not count.
hiredis_there() {
  local header
  library libhiredis || return 1
  for header in {"$DEPS/usr",/usr,/usr/local,/opt/homebrew}/include/hiredis/hiredis.h; do
    [[ -r $header ]] || continue
    awk '$2 == "HIREDIS_MAJOR" { major = $3 } $2 == "HIREDIS_MINOR" { minor = $3 }
         END { exit !(major > 1 || (major == 1 && minor >= 1)) }' "$header" && return
  done
  return 1
}

there() {
  case $1 in
    g++) compiler_there ;;
    cmake | make | redis-server | openssl | xauth | clang-format | clang-tidy | gcovr) command_there "$1" ;;
    xvfb) command_there Xvfb ;;
    lua5.1) command_there luac5.1 ;;
    libsodium-dev) any include/sodium.h && library libsodium ;;
    libssl-dev) openssl_there ;;
    libhiredis-dev) hiredis_there ;;
    libgtest-dev) any include/gtest/gtest.h && library libgtest ;;
    nlohmann-json3-dev) any include/nlohmann/json.hpp ;;
    libglfw3-dev) any include/GLFW/glfw3.h && library libglfw ;;
    libimgui-dev) any include/imgui/imgui.h && library libimgui ;;
    libpng-dev) any include/png.h && library libpng ;;
    libcli11-dev) any include/CLI/CLI.hpp ;;
    fonts-roboto-unhinted) any share/fonts/truetype/roboto/unhinted/RobotoTTF/Roboto-Medium.ttf ;;
    libgl-dev) any include/GL/gl.h && library libGL ;;
    libgl1-mesa-dri) any 'lib/*/dri/swrast_dri.so' 'lib64/dri/swrast_dri.so' 'lib/*/libgallium*.so' ;;
    *) die "no rule for the package $1" ;;
  esac
}

missing_of() {
  local package
  for package; do there "$package" || printf '%s ' "$package"; done
}

# Whether node_modules matches package-lock.json (without optional packages).
node_modules_there() {
  [[ -r node_modules/.package-lock.json ]] || return 1
  node -e '
    const read = (file) => JSON.parse(require("fs").readFileSync(file, "utf8")).packages;
    const [want, have] = [read("package-lock.json"), read("node_modules/.package-lock.json")];
    const lacks = ([path, p]) => path && !p.optional && have[path]?.version !== p.version;
    process.exit(Object.entries(want).some(lacks) ? 1 : 0);'
}

# ---- apt, as root or unpacked ----------------------------------------------------------------------

as_root=() # how to run a command as root: empty when we are root, "sudo ...", or "no"

choose_root() {
  if [[ $(id -u) == 0 ]]; then
    as_root=(env)
  elif ! command -v sudo >/dev/null; then
    as_root=(no)
  elif [[ -t 0 && -t 1 ]] && ! printing; then
    local answer
    read -r -p "setup: install $1 with sudo? [Y/n] " answer
    if [[ $answer == [nN]* ]]; then as_root=(no); else as_root=(sudo env); fi
  elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
  else
    as_root=(no)
  fi
}

may_install() { [[ ${as_root[0]} != no ]]; }

# quietly COMMAND...: shows the command's output only if it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if ((status != 0)); then cat "$log" >&2; fi
  rm -f "$log"
  return $status
}

# candidate PACKAGE: the version that apt would install; empty if apt knows none.
candidate() {
  apt-cache "${apt_options[@]}" policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

apt_options=(-o "APT::Get::Assume-Yes=true") # for every call of apt; extended when we are not root

# private_apt NAME: makes apt keep its cache in a private folder, so that every user may run it.
private_apt() {
  local dir=$PWD/$APT_DIR/$1
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  apt_options=(-o APT::Get::Assume-Yes=true -o "Dir::Cache=$dir/cache" -o Dir::Cache::archives=archives
    -o Debug::NoLocking=true -o APT::Sandbox::User=root -o APT::Keep-Downloaded-Packages=true)
}

# private_lists NAME: the same for its package lists, freshly fetched.
private_lists() {
  apt_options+=(-o "Dir::State::lists=$PWD/$APT_DIR/$1/lists")
  quietly apt-get "${apt_options[@]}" update || die "could not fetch apt's package lists"
}

# ready_apt PACKAGE: makes sure that apt knows packages, for example this one.
ready_apt() {
  may_install || private_apt system
  [[ -z $(candidate "$1") ]] || return 0
  say "fetching apt's package lists"
  if may_install; then
    quietly "${as_root[@]}" apt-get update || die "apt-get update failed"
  else
    private_lists system
  fi
}

install_packages() {
  local install=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@")
  say "installing $*"
  if "${install[@]}" </dev/null >/dev/null 2>&1; then return; fi
  say "refreshing apt's package lists" # an old list names packages that no longer exist
  quietly "${as_root[@]}" apt-get update || die "apt-get update failed"
  quietly "${install[@]}" || die "could not install: $*"
}

# Downloads packages and their missing dependencies. Names again the packages that the system
# believes to be installed.
download_packages() {
  local package
  apt-get "${apt_options[@]}" install --no-install-recommends --download-only "$@" || return
  cd "$APT_DIR/system/cache/archives" || return
  for package; do
    compgen -G "${package}_*.deb" >/dev/null || apt-get "${apt_options[@]}" download "$package" || return
  done
}

unpack_packages() {
  say "no root: unpacking into $DEPS/: $*"
  if ! (download_packages "$@") </dev/null >/dev/null 2>&1; then
    say "refreshing the package lists in $APT_DIR"
    private_lists system
    (quietly download_packages "$@") || die "could not download: $*"
  fi
  unpack_archives system
}

# The C library and the compiler's own must be the system's: a second copy would break programs.
unpack_archives() {
  local deb
  for deb in "$PWD/$APT_DIR/$1"/cache/archives/*.deb; do
    case ${deb##*/} in
      libc6* | libc-* | libgcc-s1* | libstdc++6*) continue ;;
    esac
    dpkg -x "$deb" "$DEPS"
  done
}

# private_suite SUITE COMPONENTS MIRROR KEYRING: restricts apt to this suite.
private_suite() {
  private_apt "$1"
  printf 'deb [signed-by=%s] %s %s %s\n' "$4" "$3" "$1" "$2" >"$APT_DIR/$1/sources.list"
  apt_options+=(-o "Dir::Etc::sourcelist=$PWD/$APT_DIR/$1/sources.list" -o Dir::Etc::sourceparts=/dev/null)
  private_lists "$1"
}

# ---- hiredis of the next release, if the system's is too old --------------------------------------

system_has_new_hiredis() {
  local version
  version=$(candidate libhiredis-dev)
  [[ -n $version ]] && dpkg --compare-versions "$version" ge 1.1
}

mirror_of() { # the system's own mirror of a distribution, else the given default
  local uri
  uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed 's/#.*//' | grep -Eo "(https?|mirror)[+a-z]*://[^] ]*/$1/?( |\$)" | head -n 1 || true)
  printf '%s\n' "${uri:-$2}"
}

unpack_hiredis() {
  local id mirror suite components keyring
  id=$(. /etc/os-release && echo "${ID:-}")
  if [[ $id == ubuntu ]]; then
    suite=noble components="main universe" keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg
    mirror=$(mirror_of ubuntu http://archive.ubuntu.com/ubuntu)
  else
    suite=trixie components=main keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=$(mirror_of debian http://deb.debian.org/debian)
  fi
  [[ -r $keyring ]] || die "hiredis >= 1.1 is needed, and $keyring to check the one of $suite: install either"
  say "the system's hiredis is older than 1.1: unpacking that of $suite into $DEPS/"
  private_suite "$suite" "$components" "$mirror" "$keyring"
  # We link only its static library: the package is enough, without its dependencies.
  (cd "$APT_DIR/$suite/cache/archives" && quietly apt-get "${apt_options[@]}" download libhiredis-dev) ||
    die "could not download libhiredis-dev of $suite"
  unpack_archives "$suite"
}

# ---- Valkey 8 beside Redis, if available: tests run against both, and skip it otherwise --------------

# Always unpacked: an installed package would start a server.
unpack_valkey() {
  local suite=system version debian=/usr/share/keyrings/debian-archive-keyring.gpg
  version=$(candidate valkey-server)
  if [[ -n $version ]] && dpkg --compare-versions "$version" ge 8; then
    private_apt system
  elif grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release && [[ -r $debian ]]; then
    suite=bookworm-backports
    private_suite "$suite" main "$(mirror_of debian http://deb.debian.org/debian)" "$debian"
  else
    return 1
  fi
  (cd "$APT_DIR/$suite/cache/archives" &&
    quietly apt-get "${apt_options[@]}" download valkey-server valkey-tools) || return
  unpack_archives "$suite"
  # It uses the libraries of redis-server.
  LD_LIBRARY_PATH=$(printf '%s:' "$DEPS"/usr/lib/*-linux-*) "$DEPS/usr/bin/valkey-server" --version >/dev/null
}

# If Valkey is not available, asks again after a day.
offer_valkey() {
  local memo=$DEPS/no-valkey
  if command_there valkey-server || [[ -n $(find "$memo" -mmin -1440 2>/dev/null) ]]; then return; fi
  if printing; then
    say "would unpack valkey-server into $DEPS/, if it can be had"
    return
  fi
  mkdir -p "$DEPS"
  if command -v apt-get >/dev/null && (unpack_valkey); then
    say "unpacked valkey-server into $DEPS/"
    rm -f "$memo"
  else
    say "no Valkey 8 to be had: the tests run against Redis alone"
    rm -f "$DEPS"/usr/bin/valkey-*
    touch "$memo"
  fi
  rm -rf "$APT_DIR"
}

# ---- The command ------------------------------------------------------------------------------------

case ${1:-} in
  demo) wanted=$BUILD ;;
  bench) wanted="$BUILD redis-server" ;;
  sim) wanted="$BUILD $SIM" ;;
  test) wanted="$BUILD $SIM $TEST" ;;
  check) wanted="$BUILD $SIM $TEST clang-format clang-tidy" ;;
  coverage) wanted="$BUILD $TEST nlohmann-json3-dev gcovr lua5.1" ;;
  *) die "usage: scripts/setup.sh demo|test|sim|bench|check|coverage" ;;
esac

command -v node >/dev/null || die "Node 20 or newer is needed: https://nodejs.org"
[[ $(node -p 'parseInt(process.versions.node)') -ge 20 ]] || die "Node 20 or newer is needed; this is $(node -v)"

# shellcheck disable=SC2086 # lists of words
missing=$(missing_of $wanted)
missing=${missing% }
if [[ -n $missing ]]; then
  if ! command -v apt-get >/dev/null; then
    die "this system has no apt-get. Install what these Debian packages hold, then try again: $missing"
  fi
  choose_root "$missing"
  if ! may_install; then
    for tool in g++ cmake make; do
      there "$tool" || die "$tool is missing, and only root can install it: g++ (11 or newer), cmake and make are needed"
    done
  fi
  if printing; then
    if may_install; then say "would install: $missing"; else say "would unpack into $DEPS/: $missing"; fi
  else
    ready_apt libsodium-dev
    new=$missing
    if ! hiredis_there && ! system_has_new_hiredis; then
      new=$(printf '%s' " $missing " | sed 's/ libhiredis-dev / /; s/^ *//; s/ *$//')
    fi
    # shellcheck disable=SC2086
    if [[ -n $new ]]; then
      if may_install; then install_packages $new; else unpack_packages $new; fi
    fi
    hiredis_there || unpack_hiredis
    rm -rf "$APT_DIR"
    # shellcheck disable=SC2086
    missing=$(missing_of $missing)
    [[ -z $missing ]] || die "still missing after set-up: $missing"
  fi
fi

case $1 in test | check) offer_valkey ;; esac

if ! node_modules_there; then
  if printing; then
    say "would run: npm ci"
  else
    say "installing node_modules (npm ci)"
    quietly npm ci --ignore-scripts --no-audit --no-fund || die "npm ci failed"
  fi
fi
