#!/usr/bin/env bash
# Compile kernel.c to kernel.wasm. Needs clang with the target wasm32, and lld.
set -euo pipefail
cd "$(dirname "$0")"
clang --target=wasm32 -O3 -msimd128 -ffreestanding -nostdlib -Wall -Wextra -Werror \
    -Wl,--no-entry -Wl,--export=__heap_base -Wl,--strip-all -Wl,-z,stack-size=4096 kernel.c -o "${1:-kernel.wasm}"
