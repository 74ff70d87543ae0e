"""Pieces of vision models, written the way exporters write them. Each returns (Net, ranges of dims, sizes to run at)."""
import numpy as np
from net import HALF, INT64, UINT8, Net


def silu(n, x):
    return n.node("Mul", x, n.node("Sigmoid", x))


def gelu(n, x):
    inner = n.node("Add", n.node("Erf", n.node("Div", x, n.scalar(2 ** 0.5))), n.scalar(1.0))
    return n.node("Mul", n.node("Mul", x, inner), n.scalar(0.5))


def layer_norm(n, x, width):
    """torch below opset 17."""
    centred = n.node("Sub", x, n.mean(x, -1))
    variance = n.mean(n.node("Pow", centred, n.scalar(2.0)), -1)
    scaled = n.node("Div", centred, n.node("Sqrt", n.node("Add", variance, n.scalar(1e-6))))
    return n.node("Add", n.node("Mul", scaled, n.gains(width)), n.weights(width, fan=4))


def batch_norm(n, x, channels):
    return n.node("BatchNormalization", x, n.gains(channels), n.weights(channels, fan=4), n.weights(channels, fan=4),
                  n.gains(channels), epsilon=1e-3)


IMAGES = {"batch": (1, 4), "height": (8, 64), "width": (8, 64)}
IMAGE_SIZES = [{"batch": 1, "height": 14, "width": 14}, {"batch": 3, "height": 9, "width": 22}]


def convnext_block():
    n = Net(opset=14)
    x = n.input("x", ["batch", 40, "height", "width"])
    y = n.transpose(n.conv(x, 40, 40, (7, 7), groups=40, pads=[3, 3, 3, 3]), 0, 2, 3, 1)
    y = n.linear(gelu(n, n.linear(layer_norm(n, y, 40), 40, 160)), 160, 40)
    y = n.transpose(n.node("Mul", y, n.gains(40)), 0, 3, 1, 2)
    n.output(n.node("Add", y, x), 4)
    return n, IMAGES, IMAGE_SIZES


def squeeze_excite():
    """MobileNetV3: hard swish as Clip and Div, as torch's exporter writes it below opset 14."""
    n = Net(opset=11)

    def hard_sigmoid(x):
        return n.node("Div", n.node("Clip", n.node("Add", x, n.scalar(3.0)), n.scalar(0.0), n.scalar(6.0)), n.scalar(6.0))

    x = n.input("x", ["batch", 24, "height", "width"])
    wide = batch_norm(n, n.conv(x, 24, 72, (1, 1)), 72)
    wide = n.node("Mul", wide, hard_sigmoid(wide))
    deep = n.conv(wide, 72, 72, (5, 5), groups=72, pads=[2, 2, 2, 2], strides=[2, 2])
    gate = n.node("Relu", n.conv(n.node("GlobalAveragePool", deep), 72, 20, (1, 1)))
    gate = hard_sigmoid(n.conv(gate, 20, 72, (1, 1)))
    n.output(n.conv(n.node("Mul", gate, deep), 72, 24, (1, 1)), 4)
    return n, IMAGES, IMAGE_SIZES


def swin_window():
    """A shifted window: roll by slices, partition by shape arithmetic, attention with a table of biases, back again."""
    n, side, width, heads = Net(opset=13), 7, 32, 4
    x = n.input("x", ["batch", "height", "width", width])
    batch, height, wide = n.shape(x, 0, 1, 2)

    def roll(y, shift):
        for axis in (1, 2):
            far = n.node("Slice", y, n.ints(shift), n.ints(2 ** 62), n.ints(axis))
            near = n.node("Slice", y, n.ints(0), n.ints(shift), n.ints(axis))
            y = n.node("Concat", far, near, axis=axis)
        return y

    rows, columns = (n.node("Div", d, n.ints(side)) for d in (height, wide))
    y = n.transpose(n.reshape(roll(x, 3), batch, rows, side, columns, side, width), 0, 1, 3, 2, 4, 5)
    y = n.reshape(y, -1, side * side, width)
    windows, = n.shape(y, 0)
    qkv = n.transpose(n.reshape(n.linear(y, width, 3 * width), windows, side * side, 3, heads, width // heads), 2, 0, 3, 1, 4)
    q, k, v = (n.node("Gather", qkv, n.index(i), axis=0) for i in range(3))
    scores = n.node("MatMul", n.node("Mul", q, n.scalar((width // heads) ** -0.5)), n.transpose(k, 0, 1, 3, 2))
    at = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij")).reshape(2, -1)
    relative = at[:, :, None] - at[:, None, :] + side - 1
    where = n.constant((relative[0] * (2 * side - 1) + relative[1]).reshape(-1).astype(np.int64))
    bias = n.node("Gather", n.weights((2 * side - 1) ** 2, heads, fan=4), where, axis=0)
    bias = n.unsqueeze(n.transpose(n.reshape(bias, side * side, side * side, heads), 2, 0, 1), 0)
    mixed = n.node("MatMul", n.node("Softmax", n.node("Add", scores, bias), axis=-1), v)
    y = n.linear(n.reshape(n.transpose(mixed, 0, 2, 1, 3), windows, side * side, width), width, width)
    y = n.transpose(n.reshape(y, -1, rows, columns, side, side, width), 0, 1, 3, 2, 4, 5)
    y = roll(n.reshape(y, batch, height, wide, width), -3)
    n.output(n.node("Add", x, y), 4)
    ranges = {"batch": (1, 4), "height": (7, 56, 7), "width": (7, 56, 7)}
    return n, ranges, [{"batch": 1, "height": 14, "width": 14}, {"batch": 2, "height": 7, "width": 21}]


def group_norm():
    """torch: groups as rows of an InstanceNormalization; SiLU and a convolution behind it."""
    n = Net(opset=17)
    x = n.input("x", ["batch", 64, "height", "width"])
    rows = n.reshape(x, 0, 8, -1)
    y = n.node("InstanceNormalization", rows, n.constant(np.ones(8, np.float32)), n.constant(np.zeros(8, np.float32)), epsilon=1e-5)
    y = n.node("Reshape", y, n.node("Shape", x))
    y = n.node("Add", n.node("Mul", y, n.unsqueeze(n.gains(64), 1, 2)), n.unsqueeze(n.weights(64, fan=4), 1, 2))
    n.output(n.node("Add", n.conv(silu(n, y), 64, 64, (3, 3), pads=[1, 1, 1, 1]), x), 4)
    return n, IMAGES, IMAGE_SIZES


def keras_block():
    """tf2onnx: NHWC with transposes, auto_pad, BatchNormalization, ReLU6, a mean over the image."""
    n = Net(opset=15)
    x = n.input("x", ["batch", "height", "width", 3])
    y = n.transpose(x, 0, 3, 1, 2)
    y = n.node("Conv", y, n.weights(16, 3, 3, 3, fan=27), auto_pad="SAME_UPPER", strides=[2, 2])
    y = n.node("Clip", batch_norm(n, y, 16), n.scalar(0.0), n.scalar(6.0))
    y = n.node("Conv", y, n.weights(16, 1, 3, 3, fan=9), auto_pad="SAME_UPPER", group=16)
    y = n.transpose(n.node("Clip", batch_norm(n, y, 16), n.scalar(0.0), n.scalar(6.0)), 0, 2, 3, 1)
    y = n.node("ReduceMean", y, axes=[1, 2], keepdims=0)
    n.output(n.node("Softmax", n.linear(y, 16, 10), axis=1), 2)
    return n, IMAGES, [*IMAGE_SIZES, {"batch": 2, "height": 15, "width": 31}]


def yolo_block():
    """A C2f block, then spatial pyramid pooling."""
    n = Net(opset=17)
    x = n.input("x", ["batch", 32, "height", "width"])
    both = silu(n, n.conv(x, 32, 32, (1, 1)))
    left, right = n.node("Split", both, n.ints(16, 16), outputs=2, axis=1)
    inner = silu(n, n.conv(silu(n, n.conv(right, 16, 16, (3, 3), pads=[1] * 4)), 16, 16, (3, 3), pads=[1] * 4))
    y = silu(n, n.conv(n.node("Concat", left, right, n.node("Add", right, inner), axis=1), 48, 32, (1, 1)))
    y = silu(n, n.conv(y, 32, 16, (1, 1)))
    pools = [y]
    for _ in range(3):
        pools.append(n.node("MaxPool", pools[-1], kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1]))
    n.output(silu(n, n.conv(n.node("Concat", *pools, axis=1), 64, 32, (1, 1))), 4)
    return n, IMAGES, IMAGE_SIZES


def detection_head():
    """Two levels of an anchor-free head: distances by a softmax over bins, boxes, scores, best class of each."""
    n, bins, classes = Net(opset=16), 8, 5
    levels = []
    for stride in (8, 16):
        x = n.input(f"p{stride}", ["batch", 4 * bins + classes, 80 // stride, 64 // stride])
        levels.append(n.reshape(x, 0, 4 * bins + classes, -1))
    both = n.node("Concat", *levels, axis=2)
    boxes, scores = n.node("Split", both, n.ints(4 * bins, classes), outputs=2, axis=1)
    boxes = n.node("Softmax", n.transpose(n.reshape(boxes, 0, 4, bins, 100), 0, 2, 1, 3), axis=1)
    weight = n.constant(np.arange(bins, dtype=np.float32).reshape(1, bins, 1, 1))
    distance = n.reshape(n.node("Conv", boxes, weight, kernel_shape=[1, 1]), 0, 4, 100)
    points = np.concatenate([np.stack(np.meshgrid(np.arange(64 // s), np.arange(80 // s))).reshape(2, -1) + 0.5 for s in (8, 16)], 1)
    anchors = n.constant(points[None].astype(np.float32))
    strides = n.constant(np.concatenate([np.full(5120 // s // s, s) for s in (8, 16)]).astype(np.float32))
    low, high = (n.node("Slice", distance, n.ints(a), n.ints(a + 2), n.ints(1)) for a in (0, 2))
    first, last = n.node("Sub", anchors, low), n.node("Add", anchors, high)
    centre = n.node("Div", n.node("Add", first, last), n.scalar(2.0))
    box = n.node("Mul", n.node("Concat", centre, n.node("Sub", last, first), axis=1), strides)
    scores = n.node("Sigmoid", scores)
    n.output(n.node("Concat", box, scores, axis=1), 3)
    n.output(n.node("ReduceMax", scores, axes=[1], keepdims=0), 2)
    n.output(n.node("ArgMax", scores, axis=1, keepdims=0), 2, INT64)
    return n, {"batch": (1, 8)}, [{"batch": 1}, {"batch": 3}]


def unet_skip():
    """Down by a pool, up by repetition (Expand), cropped or padded to the skip, concatenated, convolved."""
    n = Net(opset=13)
    x = n.input("x", ["batch", 16, "height", "width"])
    down = n.node("Relu", n.conv(n.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 16, 32, (3, 3), pads=[1] * 4))
    batch, height, width = n.shape(down, 0, 2, 3)
    up = n.unsqueeze(down, 3, 5)
    up = n.node("Expand", up, n.node("Concat", batch, n.ints(32), height, n.ints(2), width, n.ints(2), axis=0))
    twice = [n.node("Mul", d, n.ints(2)) for d in (height, width)]
    up = n.reshape(up, batch, 32, *twice)
    missing = [n.node("Sub", have, d) for have, d in zip(n.shape(x, 2, 3), twice)]
    up = n.node("Pad", up, n.node("Concat", n.ints(0, 0, 0, 0, 0, 0), *missing, axis=0), n.scalar(0.0))
    n.output(n.node("Relu", n.conv(n.node("Concat", x, up, axis=1), 48, 16, (3, 3), pads=[1] * 4)), 4)
    return n, IMAGES, IMAGE_SIZES


def pixel_shuffle():
    """Super resolution: torch writes the shuffle as a DepthToSpace; behind it an image clipped to bytes' range."""
    n = Net(opset=13)
    x = n.input("x", ["batch", 3, "height", "width"])
    y = n.node("PRelu", n.conv(x, 3, 24, (5, 5), pads=[2] * 4), n.gains(24, 1, 1))
    y = n.node("DepthToSpace", n.conv(y, 24, 27, (3, 3), pads=[1] * 4), blocksize=3, mode="CRD")
    n.output(n.node("Clip", n.node("Add", y, n.scalar(0.5)), n.scalar(0.0), n.scalar(1.0)), 4)
    return n, IMAGES, IMAGE_SIZES


def patches():
    """A picture of bytes, normalised, cut into patches, a class token in front, positions added."""
    n = Net(opset=17)
    x = n.input("x", ["batch", 48, 64, 3], UINT8)
    y = n.node("Div", n.node("Cast", x, to=1), n.scalar(255.0))
    y = n.node("Div", n.node("Sub", y, n.weights(3, fan=4)), n.gains(3))
    y = n.conv(n.transpose(y, 0, 3, 1, 2), 3, 40, (16, 16), strides=[16, 16])
    batch, = n.shape(y, 0)
    y = n.transpose(n.reshape(y, batch, 40, -1), 0, 2, 1)
    token = n.node("Expand", n.weights(1, 1, 40), n.node("Concat", batch, n.ints(1, 40), axis=0))
    y = n.node("Add", n.node("Concat", token, y, axis=1), n.weights(1, 13, 40))
    y = n.node("LayerNormalization", y, n.gains(40), n.weights(40, fan=4), axis=-1, epsilon=1e-6)
    n.output(n.node("Gather", n.linear(y, 40, 7), n.index(0), axis=1), 2)
    return n, {"batch": (1, 8)}, [{"batch": 1}, {"batch": 5}]


def spatial_attention():
    """CBAM: mean and maximum over the channels decide where, mean and maximum over the image decide what."""
    n = Net(opset=12)
    x = n.input("x", ["batch", 32, "height", "width"])
    w0, w1 = (n.weights(8, 32, 1, 1, fan=32), n.weights(32, 8, 1, 1, fan=8))
    pools = (n.node(pool, x) for pool in ("GlobalAveragePool", "GlobalMaxPool"))
    what = [n.node("Conv", n.node("Relu", n.node("Conv", p, w0)), w1) for p in pools]
    y = n.node("Mul", x, n.node("Sigmoid", n.node("Add", *what)))
    where = n.node("Concat", n.node("ReduceMean", y, axes=[1]), n.node("ReduceMax", y, axes=[1]), axis=1)
    n.output(n.node("Mul", y, n.node("Sigmoid", n.conv(where, 2, 1, (7, 7), pads=[3] * 4))), 4)
    return n, IMAGES, IMAGE_SIZES


def half_images():
    """Kept in fp16: convolutions of what nobody has put channels-last: inputs of three channels, of one and of volumes, and a
    pool that is a result. Some read a copy, those of one channel and of groups gather element by element."""
    n = Net(opset=17)
    x = n.input("x", ["batch", 3, "height", "width"], HALF)
    gray = n.input("gray", ["batch", 1, "height", "width"], HALF)
    volume = n.input("volume", ["batch", 20, "depth", "height", "width"], HALF)

    def conv(x, inner, outer, size, **attributes):
        pads = [s // 2 for s in size] * 2
        return n.node("Relu", n.conv(x, inner, outer, size, pads=pads, dtype=np.float16, **attributes))

    pooled = n.node("MaxPool", conv(x, 3, 40, (7, 7), strides=[2, 2]), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    n.output(pooled, 4, HALF)
    n.output(conv(pooled, 40, 48, (3, 3)), 4, HALF)
    n.output(conv(pooled, 40, 48, (3, 3), groups=2), 4, HALF)
    n.output(conv(gray, 1, 24, (5, 5), dilations=[2, 2]), 4, HALF)
    n.output(conv(volume, 20, 32, (3, 3, 3)), 5, HALF)
    return n, {**IMAGES, "depth": (2, 8)}, [{**size, "depth": d} for size, d in zip(IMAGE_SIZES, (4, 3))]


def feature_pyramid():
    """Coarse features brought to the size of finer ones (nearest, by their shape), then to four times that (bilinear), as
    torch's exporters write interpolate; the sizes are known only when it runs."""
    n = Net(opset=18)
    x = n.input("x", ["batch", 12, "height", "width"])
    fine = n.node("Relu", n.conv(x, 12, 16, (3, 3), pads=[1] * 4))
    coarse = n.conv(n.node("Relu", n.conv(fine, 16, 24, (3, 3), strides=[2, 2], pads=[1] * 4)), 24, 16, (1, 1))
    sizes = n.node("Concat", *n.shape(coarse, 0, 1), *n.shape(fine, 2, 3), axis=0)
    up = n.node("Resize", coarse, "", "", sizes, coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="floor")
    merged = n.conv(n.node("Add", fine, up), 16, 8, (3, 3), pads=[1] * 4)
    twice = n.constant(np.array([1, 1, 2, 2], np.float32))
    n.output(n.conv(n.node("Resize", merged, "", twice, coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
                    8, 8, (3, 3), pads=[1] * 4), 4)
    for aligned in (False, True):
        large = n.node("Concat", *n.shape(merged, 0, 1), *[n.node("Mul", d, n.ints(4)) for d in n.shape(merged, 2, 3)], axis=0)
        n.output(n.node("Resize", merged, "", "", large, mode="linear",
                        coordinate_transformation_mode="align_corners" if aligned else "pytorch_half_pixel"), 4)
    n.output(n.node("Resize", merged, "", n.constant(np.array([1, 1, 1.5, 0.75], np.float32)), mode="cubic"), 4)
    return n, IMAGES, IMAGE_SIZES


def generator():
    """Transposed convolutions: from a vector to an image, strides with and without padding, groups, a decoder's halves."""
    n = Net(opset=13)

    def deconv(x, inner, outer, size, groups=1, **attributes):
        w = n.weights(inner, outer // groups, size, size, fan=inner * size * size // 4)
        return n.node("ConvTranspose", x, w, n.weights(outer, fan=4), group=groups, **attributes)

    z = n.input("z", ["batch", 20, 1, 1])
    y = n.node("Relu", batch_norm(n, deconv(z, 20, 32, 4), 32))
    n.output(n.node("Tanh", deconv(y, 32, 3, 4, strides=[2, 2], pads=[1] * 4)), 4)
    x = n.input("x", ["batch", 16, "height", "width"])
    halves = deconv(x, 16, 8, 2, strides=[2, 2])
    skip = n.node("Concat", halves, deconv(x, 16, 8, 3, groups=4, strides=[2, 2], pads=[1] * 4, output_padding=[1, 1]), axis=1)
    n.output(n.conv(n.node("Elu", skip), 16, 8, (3, 3), pads=[1] * 4), 4)
    n.output(deconv(x, 16, 4, 3, strides=[3, 2], pads=[0, 1, 2, 0], dilations=[1, 2]), 4)
    return n, IMAGES, IMAGE_SIZES


def warp():
    """Optical flow: an image read where a field of displacements says."""
    n = Net(opset=20)
    x = n.input("x", ["batch", 6, "height", "width"])
    field = n.transpose(n.node("Tanh", n.conv(x, 6, 2, (3, 3), pads=[1] * 4)), 0, 2, 3, 1)
    n.output(n.node("GridSample", x, field, mode="linear", padding_mode="zeros", align_corners=1), 4)
    n.output(n.node("GridSample", x, n.node("Mul", field, n.scalar(1.5)), mode="linear", padding_mode="reflection"), 4)
    return n, IMAGES, IMAGE_SIZES


def pieces():
    return {f.__name__: f for f in (convnext_block, squeeze_excite, swin_window, group_norm, keras_block, yolo_block, detection_head,
                                    unet_skip, pixel_shuffle, patches, spatial_attention, half_images, feature_pyramid,
                                    generator, warp)}
