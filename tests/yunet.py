"""A network with the inputs and outputs of YuNet that takes bright red for a face, written as ONNX by hand."""

import numpy as np

STRIDES = (8, 16, 32)
FLOAT, INT64 = 1, 7


def varint(value):
    value &= 2**64 - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def field(place, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(place << 3 | 2) + varint(len(data)) + data


def tensor(name, array):
    kind = INT64 if array.dtype == np.int64 else FLOAT
    sizes = b"".join(number(1, size) for size in array.shape)
    return sizes + number(2, kind) + field(8, name) + field(9, array.tobytes())


def attribute(name, values):
    """Integers: protobuf's AttributeProto."""
    return field(1, name) + b"".join(number(8, value) for value in values) + number(20, 7)


def node(operator, inputs, output, **attributes):
    parts = [field(1, each) for each in inputs] + [field(2, output), field(4, operator)]
    return b"".join(parts + [field(5, attribute(*each)) for each in attributes.items()])


def value(name, sizes):
    shape = b"".join(field(1, field(2, size) if isinstance(size, str) else number(1, size)) for size in sizes)
    return field(1, name) + field(2, field(1, number(1, FLOAT) + field(2, shape)))


def red_finder():
    """A window of `stride` px is a face of twice its side, centred on it, by how far red exceeds green in it.

    Only at stride 32; the others see nothing.
    """
    nodes, weights, outputs = [], [], []
    for stride in STRIDES:
        for name, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            kernel = np.zeros((channels, 3, stride, stride), np.float32)
            bias = np.zeros(channels, np.float32)
            if name in {"cls", "obj"} and stride == 32:
                kernel[:, 2], kernel[:, 1] = 1 / 200 / stride**2, -1 / 200 / stride**2  # BGR
            if name == "bbox":
                bias[:] = [0.5, 0.5, np.log(2), np.log(2)]
            key = f"{name}_{stride}"
            weights += [tensor(f"{key}_w", kernel), tensor(f"{key}_b", bias)]
            weights.append(tensor(f"{key}_s", np.array([1, -1, channels], np.int64)))
            nodes += [
                node(
                    "Conv",
                    ["input", f"{key}_w", f"{key}_b"],
                    f"{key}_c",
                    kernel_shape=[stride, stride],
                    strides=[stride, stride],
                ),
                node("Transpose", [f"{key}_c"], f"{key}_t", perm=[0, 2, 3, 1]),
                node("Reshape", [f"{key}_t", f"{key}_s"], key),
            ]
            outputs.append(value(key, [1, f"n{stride}", channels]))
    graph = b"".join(
        [
            *(field(1, each) for each in nodes),
            field(2, "red"),
            *(field(5, each) for each in weights),
            field(11, value("input", [1, 3, "height", "width"])),
            *(field(12, each) for each in outputs),
        ]
    )
    return number(1, 8) + field(7, graph) + field(8, field(1, "") + number(2, 13))
