// RUN: dlc-opt --graph-pipeline --check-semantics --list-regions %s 2>&1 >/dev/null | FileCheck %s
// RUN: dlc-opt --graph-pipeline --disable=epilogue,fold-batch-norm --remarks=text --list-regions %s 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=OFF
// RUN: dlc-opt --graph-pipeline --remarks=json %s 2>&1 >/dev/null | %python -m json.tool --json-lines | FileCheck %s --check-prefix=JSON
// RUN: not dlc-opt --graph-pipeline --disable=nonsense %s 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// CHECK:       k0_matmul_bias_relu
// CHECK:       1 regions, 1 distinct

// OFF:         k0_matmul dot
// OFF:         2 regions
// OFF-DAG:     fold-batch-norm: switched off by --disable
// OFF-DAG:     disabled: arith.mulf into graph.dot: epilogue: switched off by --disable

// JSON-DAG:    "kind": "fused"
// JSON-DAG:    "category": "epilogue"
// JSON-DAG:    "unit": "us"

// UNKNOWN:     error: no pass or fusion kind is called 'nonsense'; there are canonicalize-graph, {{.*}}duplicate

graph.symbol "B" min 1 max 64 multiple 1 origins ["x dim 0"]
func.func @main(%x: tensor<?x32xf32, #graph.dims<B, 32>>) -> tensor<?x8xf32, #graph.dims<B, 8>> {
  %w = graph.constant #graph.weight<"w"> -> tensor<8x32xf32>
  %s = graph.constant #graph.weight<"s"> -> tensor<8xf32>
  %t = graph.constant #graph.weight<"t"> -> tensor<8xf32>
  %wt = graph.transpose %w perm [1, 0] : tensor<8x32xf32> -> tensor<32x8xf32>
  %d = graph.dot %x, %wt batch [] x [] contract [1] x [0]
    : tensor<?x32xf32, #graph.dims<B, 32>>, tensor<32x8xf32> -> tensor<?x8xf32, #graph.dims<B, 8>>
  %sb = graph.broadcast %s dims [1] : tensor<8xf32> -> tensor<?x8xf32, #graph.dims<B, 8>>
  %tb = graph.broadcast %t dims [1] : tensor<8xf32> -> tensor<?x8xf32, #graph.dims<B, 8>>
  %zero = graph.fill 0.0 : f32 -> tensor<?x8xf32, #graph.dims<B, 8>>
  %a = arith.mulf %d, %sb : tensor<?x8xf32, #graph.dims<B, 8>>
  %b = arith.addf %a, %tb : tensor<?x8xf32, #graph.dims<B, 8>>
  %r = arith.maximumf %b, %zero : tensor<?x8xf32, #graph.dims<B, 8>>
  return %r : tensor<?x8xf32, #graph.dims<B, 8>>
}
