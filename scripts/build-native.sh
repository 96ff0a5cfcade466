#!/bin/sh
# build-native.sh: compiles the library that checks signatures in batches, for the machine that it runs on.
# build-native.sh SOURCE SECP256K1 LIBRARY: the same with its own paths: the C file, the folder of libsecp256k1's sources, the result.
set -eu
root=$(dirname "$0")/..
source=${1:-$root/cli/event/signature/schnorr-batch.c}
secp256k1=${2:-$root/node_modules/secp256k1/src/secp256k1}
library=${3:-$root/dist/schnorr-batch.so}
compiler=${CC:-cc}

command -v "$compiler" >/dev/null || {
  echo "There is no C compiler ($compiler): install one (apt install gcc libc6-dev) and run this again. Without it signatures are checked one by one." >&2
  exit 1
}
mkdir -p "$(dirname "$library")"
# A new file takes the place of the old one, which a program that runs goes on with.
"$compiler" -O3 -shared -fPIC -fvisibility=hidden -w -I "$secp256k1" -I "$secp256k1/src" -o "$library.$$" "$source"
mv "$library.$$" "$library"
echo "$library"
