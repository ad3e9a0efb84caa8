"""A peer of `bench cuda`: U^2-Net in PyTorch on the first GPU, written after the paper (https://arxiv.org/abs/2005.09007).

    python torch_u2net.py u2net|u2netp BATCH [WEIGHTS.safetensors]

For every line on standard input that says how many runs are wanted, prints a line with the seconds that they took,
copying the answer to the host included. Without weights they are random, which takes as long.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional

CHANNELS = {
    "u2net": [(32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512)],
    "u2netp": [(16, 64)] * 6,
}
DECODER = {
    "u2net": [(256, 512), (128, 256), (64, 128), (32, 64), (16, 64)],
    "u2netp": [(16, 64)] * 5,
}
DEPTHS = [(7, False), (6, False), (5, False), (4, False), (4, True), (4, True)]


def convolution(inputs, outputs, dilation=1):
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)


def resize(map, like):
    return functional.interpolate(map, size=like.shape[2:], mode="bilinear", align_corners=False)


class Block(nn.Module):
    def __init__(self, inputs, inner, outer, depth, dilated):
        super().__init__()
        self.depth, self.dilated = depth, dilated
        dilation = (lambda level: 1 << (level - 1)) if dilated else (lambda level: 2 if level == depth else 1)
        self.rebnconvin = convolution(inputs, outer)
        for level in range(1, depth + 1):
            layer = convolution(outer if level == 1 else inner, inner, dilation(level))
            self.add_module(f"rebnconv{level}", layer)
        for level in range(depth - 1, 0, -1):
            layer = convolution(2 * inner, outer if level == 1 else inner, dilation(level))
            self.add_module(f"rebnconv{level}d", layer)

    def layer(self, name, map):
        return functional.relu(getattr(self, f"rebnconv{name}")(map))

    def forward(self, map):
        entry = map = self.layer("in", map)
        skips = []
        for level in range(1, self.depth):
            if level > 1 and not self.dilated:
                map = functional.max_pool2d(map, 2)
            map = self.layer(level, map)
            skips.append(map)
        map = self.layer(self.depth, map)
        for level in range(self.depth - 1, 0, -1):
            skip = skips.pop()
            if not self.dilated:
                map = resize(map, skip)
            map = self.layer(f"{level}d", torch.cat((map, skip), 1))
        return map + entry


class U2Net(nn.Module):
    def __init__(self, name):
        super().__init__()
        channels = 3
        for stage, (inner, outer) in enumerate(CHANNELS[name]):
            self.add_module(f"stage{stage + 1}", Block(channels, inner, outer, *DEPTHS[stage]))
            channels = outer
        for stage, (inner, outer) in zip(range(5, 0, -1), DECODER[name]):
            inputs = channels + CHANNELS[name][stage - 1][1]
            self.add_module(f"stage{stage}d", Block(inputs, inner, outer, *DEPTHS[stage - 1]))
            channels = outer
        for side, (_, outer) in enumerate([*reversed(DECODER[name]), CHANNELS[name][-1]]):
            self.add_module(f"side{side + 1}", convolution(outer, 1))
        self.outconv = nn.Conv2d(6, 1, 1)

    def forward(self, image):
        map, skips = image, []
        for stage in range(1, 7):
            if stage > 1:
                map = functional.max_pool2d(map, 2)
            map = getattr(self, f"stage{stage}")(map)
            skips.append(map)
        stages = [skips.pop()]
        for stage in range(5, 0, -1):
            skip = skips.pop()
            map = getattr(self, f"stage{stage}d")(torch.cat((resize(map, skip), skip), 1))
            stages.append(map)
        sides = [resize(getattr(self, f"side{side + 1}")(map), image) for side, map in enumerate(reversed(stages))]
        return torch.sigmoid(self.outconv(torch.cat(sides, 1)))


name, batch, *weights = sys.argv[1:]
torch.backends.cudnn.benchmark = True  # the fastest algorithms that it finds, those that round to TF32 too, as by default
network = U2Net(name)
if weights:
    from safetensors.torch import load_file

    network.load_state_dict(load_file(weights[0]))
network = network.to("cuda").eval()
image = torch.rand(int(batch), 3, 320, 320).to("cuda")
with torch.inference_mode():
    for _ in range(3):
        network(image).cpu()
    print(f"PyTorch {torch.__version__} ({torch.cuda.get_device_name()})", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            network(image).cpu()
        print(time.perf_counter() - start, flush=True)
