"""The benchmark's models in PyTorch, as one would write them for speed: batch norms folded, fused attention.

`MODELS[name]()` is a module with random parameters, as many as the ONNX model has. Its inputs are the ONNX model's, in their order.
"""
import torch
from torch import nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    def __init__(self, inside, width, stride):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(inside, width, 1), nn.ReLU(), nn.Conv2d(width, width, 3, stride, 1), nn.ReLU(),
                                  nn.Conv2d(width, 4 * width, 1))
        self.skip = nn.Conv2d(inside, 4 * width, 1, stride) if stride > 1 or inside != 4 * width else nn.Identity()

    def forward(self, x):
        return F.relu(self.body(x) + self.skip(x))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        blocks, inside = [], 64
        for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for k in range(count):
                blocks.append(Bottleneck(inside, width, stride if k == 0 else 1))
                inside = 4 * width
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(2048, 1000)

    def forward(self, image):
        return self.head(self.blocks(self.stem(image)).mean((2, 3)))


class InvertedResidual(nn.Module):
    def __init__(self, inside, outside, stride, expand):
        super().__init__()
        width = inside * expand
        grow = [nn.Conv2d(inside, width, 1), nn.ReLU6()] if expand > 1 else []
        self.body = nn.Sequential(*grow, nn.Conv2d(width, width, 3, stride, 1, groups=width), nn.ReLU6(), nn.Conv2d(width, outside, 1))
        self.adds = stride == 1 and inside == outside

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        layers, inside = [nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU6()], 32
        for expand, outside, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                               (6, 320, 1, 1)):
            for k in range(count):
                layers.append(InvertedResidual(inside, outside, stride if k == 0 else 1, expand))
                inside = outside
        self.features = nn.Sequential(*layers, nn.Conv2d(320, 1280, 1), nn.ReLU6())
        self.head = nn.Linear(1280, 1000)

    def forward(self, image):
        return self.head(self.features(image).mean((2, 3)))


class Layer(nn.Module):
    """A transformer's layer; `first` puts its norms before attention and MLP, else they follow the sums."""

    def __init__(self, width, heads, first=True, causal=False, gelu="none"):
        super().__init__()
        self.heads, self.first, self.causal, self.gelu = heads, first, causal, gelu
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, x, mask):
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal and mask is None)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def mlp(self, x):
        return self.down(F.gelu(self.up(x), approximate=self.gelu))

    def forward(self, x, mask=None):
        if self.first:
            x = x + self.attend(self.norm1(x), mask)
            return x + self.mlp(self.norm2(x))
        x = self.norm1(x + self.attend(x, mask))
        return self.norm2(x + self.mlp(x))


class ViT(nn.Module):
    def __init__(self, width=768):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token, self.positions = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.zeros(1, 197, width))
        self.layers = nn.ModuleList(Layer(width, 12) for _ in range(12))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x)[:, 0])


class Bert(nn.Module):
    def __init__(self, width, heads, layers, pooler):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(30522, width), nn.Embedding(512, width), nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(Layer(width, heads, first=False) for _ in range(layers))
        self.pooler = nn.Linear(width, width) if pooler else None

    def forward(self, ids, attention_mask, kinds):
        x = self.norm(self.words(ids) + self.places.weight[:ids.shape[1]] + self.kinds(kinds))
        mask = attention_mask[:, None, None, :].bool()
        for layer in self.layers:
            x = layer(x, mask)
        if self.pooler:
            return x, torch.tanh(self.pooler(x[:, 0]))
        weight = attention_mask[..., None].to(x.dtype)
        return F.normalize((x * weight).sum(1) / weight.sum(1), dim=-1)


class Gpt2(nn.Module):
    def __init__(self, width=768):
        super().__init__()
        self.words, self.places = nn.Embedding(50257, width), nn.Embedding(1024, width)
        self.layers = nn.ModuleList(Layer(width, 12, causal=True, gelu="tanh") for _ in range(12))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids, attention_mask):
        x = self.words(ids) + self.places.weight[:ids.shape[1]]
        seen = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).tril()
        mask = seen & attention_mask[:, None, None, :].bool()
        for layer in self.layers:
            x = layer(x, mask)
        return F.linear(self.norm(x), self.words.weight)


MODELS = {"resnet50": ResNet50, "mobilenetv2": MobileNetV2, "vit_b16": ViT, "bert_base": lambda: Bert(768, 12, 12, True),
          "minilm": lambda: Bert(384, 12, 6, False), "gpt2_prefill": Gpt2}
