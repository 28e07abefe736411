#!/usr/bin/env bash
# Takes waggle up as a stranger's project does, each way by a project of this folder, and runs what it
# built: the headers and libraries that each way brings, the two names that programs export and libraries
# do not, a tracer shared with a linked library, and what an installed package answers when it lacks
# something. Installed means into a folder that is then moved elsewhere. Conan and vcpkg are not asked for:
# scripts stand in for them, which carry out the recipe and the port.
#   run.sh [--compiler COMPILER] [WAY ...]      all ways, unless some are named
# Ends with 77 if all that was asked for needs packages that are not there.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

ways=(add_subdirectory fetch_content find_package find_package_light pkg_config conan vcpkg grpc)
compiler=g++
if [ "${1:-}" = --compiler ]; then
  compiler=$2
  shift 2
fi
if [ $# -gt 0 ]; then ways=("$@"); fi

version=$(sed -n 's/^#define WAGGLE_VERSION "\(.*\)"/\1/p' "$root/include/waggle/core/version.hpp")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$work/package
failures=0
skipped=0

# Where there is a ccache, folders made anew for each run are no reason to compile again, nor is another way
# with the same headers: each has them in WAY/elsewhere, beside WAY/build.
if command -v ccache > /dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
fi

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# ---- steps ----

configure() {
  local project=$1 build=$2
  shift 2
  mkdir -p "$(dirname "$build")"
  cmake -S "$project" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_FLAGS_DEBUG= -DCMAKE_CXX_VISIBILITY_PRESET=hidden -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DWAGGLE_VERSION="$version" "$@" > "$build.log" 2>&1
}

# Configures and builds a project with what lies in WAY/elsewhere: build WAY PROJECT OPTION...
build() {
  local build=$work/$1/build
  configure "$2" "$build" -DCMAKE_PREFIX_PATH="$work/$1/elsewhere" "${@:3}" &&
    cmake --build "$build" --verbose >> "$build.log" 2>&1 && return
  cat "$build.log"
  fail "$1: does not build"
  return 1
}

make_package() {
  local place=$work/first
  {
    cd "$root" && cmake --preset install -B "$work/waggle" -DCMAKE_CXX_COMPILER="$compiler" &&
      cmake --install "$work/waggle" --prefix "$place" && mv "$place" "$package"
  } > "$work/waggle.log" 2>&1 && return
  cat "$work/waggle.log"
  fail "cannot be installed"
  return 1
}

# Installs waggle for a way to take it up.
install_for() {
  [ -d "$package" ] || make_package || return
  mkdir -p "$work/$1"
  cp -r "$package" "$work/$1/elsewhere"
}

# ---- checks ----

check_program() {
  local program=$1
  [ "$(nm -D --defined-only "$program" | grep -c ' waggle_abi1_')" = 2 ] ||
    fail "${program#"$work"/} does not export both names"
  (cd "$(dirname "$program")" && env -i "$program") || fail "${program#"$work"/} ended with $?"
}

check_light() {
  readelf -d "$1" | grep -E 'NEEDED.*(curl|libz|ssl)' && fail "${1#"$work"/} needs a library"
}

# Checks what programs.cmake built: check_build WAY [FOLDER_OF_HEADERS].
check_build() {
  local built=$work/$1/build headers=${2:-$work/$1/elsewhere/include}
  check_program "$built/program"
  check_light "$built/program"
  grep -- '--export-dynamic-symbol' "$built.log" | grep -qE -- '-o lib(linked|plugin)\.so' &&
    fail "$1: a library is linked with the programs' option"
  grep -q -- "-isystem $headers " "$built/compile_commands.json" ||
    fail "$1: the headers are not system headers for other projects"
}

check_whole_build() {
  check_build "$@"
  check_program "$work/$1/build/application"
}

# Checks that a project is told what is not there: refused WORDS OPTION...
refused() {
  local words=$1 build=$work/find_package_light/refused
  shift
  configure "$here/find_package_light" "$build" -DCMAKE_PREFIX_PATH="$package" "$@" && fail "not refused: $*"
  tr -s ' \n' ' ' < "$build.log" | grep -qE "$words" || { cat "$build.log" && fail "$*: not told '$words'"; }
}

# ---- the ways ----

add_subdirectory() {
  build add_subdirectory "$here/add_subdirectory" || return
  check_whole_build add_subdirectory "$root/include"
  cmake --install "$work/add_subdirectory/build" --prefix "$work/theirs" > /dev/null
  [ -e "$work/theirs" ] && fail "installing another project installs waggle, too"
}

fetch_content() {
  build fetch_content "$here/fetch_content" && check_whole_build fetch_content "$root/include"
}

find_package() {
  install_for find_package && build find_package "$here/find_package" && check_whole_build find_package
}

find_package_light() {
  local without=(-DCMAKE_DISABLE_FIND_PACKAGE_{Threads,CURL,ZLIB,nlohmann_json}"=ON")
  install_for find_package_light || return
  ls -d "$package"/lib* 2> /dev/null && fail "something is installed where architectures are named"
  build find_package_light "$here/find_package_light" "${without[@]}" || return
  check_build find_package_light

  local major=${version%%.*} minor=${version#*.}
  minor=${minor%%.*}
  refused 'compatible with requested version' "-DASK=$major.$((minor + 1))"
  refused 'compatible with requested version' "-DASK=$((major + 1))"
  refused 'exactly matches requested version' "-DASK=$version.1;EXACT"
  refused 'component sdk needs libraries; not found: CURL, nlohmann_json' "-DASK=COMPONENTS;sdk" \
    -DCMAKE_DISABLE_FIND_PACKAGE_{CURL,nlohmann_json}=ON
  refused 'has the components light and sdk, but no heavy' "-DASK=COMPONENTS;heavy"
  build find_package_light "$here/find_package_light" "-DASK=COMPONENTS;light;OPTIONAL_COMPONENTS;sdk" ||
    fail "an optional component is not optional"
}

# Compiles by hand: compile PROGRAM PACKAGE SOURCE...
compile() {
  local program=$work/pkg_config/$1
  # shellcheck disable=SC2046  # flags are words
  "$compiler" -std=c++17 -fvisibility=hidden "${@:3}" -o "$program" \
    $(pkg-config --cflags --libs "$2") || { fail "$1 does not build"; return 1; }
  check_program "$program"
}

pkg_config() {
  local name
  install_for pkg_config || return
  export PKG_CONFIG_PATH=$work/pkg_config/elsewhere/share/pkgconfig
  for name in waggle waggle-sdk; do
    [ "$(pkg-config --modversion $name)" = "$version" ] || fail "$name.pc has another version"
  done
  compile program waggle "$here/program.cpp" && check_light "$work/pkg_config/program"
  compile application waggle-sdk "$here/application.cpp" "$here/library.cpp"
}

conan() {
  local way
  "$here/conan/stand_in.py" "$work" || { fail "the Conan recipe fails"; return; }
  for way in conan_light conan_sdk; do
    diff -r -x '*.md' "$root/include" "$work/$way/elsewhere/include" || fail "$way leaves headers out"
    build "$way" "$root/packaging/conan/test_package" || return
    check_build "$way"
  done
  check_program "$work/conan_sdk/build/application"
}

vcpkg() {
  mkdir -p "$work/vcpkg"
  cmake -DPACKAGES="$work/vcpkg/elsewhere" -P "$here/vcpkg/stand_in.cmake" > "$work/vcpkg/port.log" 2>&1 ||
    { cat "$work/vcpkg/port.log" && fail "the vcpkg port fails" && return; }
  build vcpkg "$here/vcpkg" && check_whole_build vcpkg
}

grpc() {
  local headers='#include <grpcpp/grpcpp.h>\n#include <google/protobuf/empty.pb.h>\n'
  # shellcheck disable=SC2059  # the text is its own format
  if ! printf "$headers" | "$compiler" -M -x c++ - > /dev/null 2>&1; then
    echo "skipped: grpc needs the packages libgrpc++-dev and libprotobuf-dev"
    skipped=$((skipped + 1))
    return
  fi
  install_for grpc && build grpc "$here/grpc" && check_program "$work/grpc/build/neighbours"
}

for way in "${ways[@]}"; do
  began=$SECONDS
  declare -F "$way" > /dev/null || { fail "there is no way $way" && continue; }
  "$way"
  echo "$way: $((SECONDS - began)) s"
done
echo "$compiler: $failures failures"
[ $failures = 0 ] || exit 1
[ $skipped != ${#ways[@]} ] || exit 77
