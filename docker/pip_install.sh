#!/usr/bin/env bash
# pip_install.sh TORCH PACKAGE...: install packages for the system's Python at the versions of
# requirements/common.txt. TORCH is `none`, or the backend of PyTorch to bring with it: cpu, cu128.
set -euo pipefail

readonly torch="$1"; shift
readonly constraints="${BASH_SOURCE[0]%/*}/../requirements/common.txt"

[[ $# -eq 0 ]] || python3 -m pip install --no-cache-dir -c "$constraints" "$@"
if [[ $torch != none ]]; then
  # The default wheel of x86-64 brings several GB of CUDA; uv knows where the others are.
  python3 -m pip install --no-cache-dir uv
  python3 -m uv pip install --system --break-system-packages --no-cache \
    --torch-backend "$torch" -c "$constraints" torch safetensors huggingface_hub
fi
