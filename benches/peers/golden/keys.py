"""`lenet_tensor::Key` once more: ChaCha8 with children by name and by number, so
that PyTorch drops the values that ours does."""

import numpy as np
import torch

from case import fnv1a

VALUE, NAME, INDEX = 0, 1, 2
CONSTANTS = np.frombuffer(b"expand 32-byte k", dtype="<u4")


def rotate(x, bits):
    return (x << np.uint32(bits)) | (x >> np.uint32(32 - bits))


def quarter(s, a, b, c, d):
    s[a] += s[b]
    s[d] = rotate(s[d] ^ s[a], 16)
    s[c] += s[d]
    s[b] = rotate(s[b] ^ s[c], 12)
    s[a] += s[b]
    s[d] = rotate(s[d] ^ s[a], 8)
    s[c] += s[d]
    s[b] = rotate(s[b] ^ s[c], 7)


class Key:
    def __init__(self, data):
        self.data = data

    @staticmethod
    def from_seed(seed):
        return Key(seed.to_bytes(8, "little") + b"lenet random key, root 1")

    def words(self, purpose, stream, n):
        """The first `n` words of a key stream (Bernstein 2008), all blocks at once."""
        blocks = np.arange(-(-n // 16), dtype=np.uint64) + np.uint64(purpose << 56)
        s = np.empty((16, len(blocks)), dtype=np.uint32)
        s[:4] = CONSTANTS[:, None]
        s[4:12] = np.frombuffer(self.data, dtype="<u4")[:, None]
        s[12], s[13] = blocks & np.uint64(2**32 - 1), blocks >> np.uint64(32)
        s[14], s[15] = stream % 2**32, stream >> 32
        start = s.copy()
        for _ in range(4):
            for i in range(4):
                quarter(s, i, 4 + i, 8 + i, 12 + i)
            for i in range(4):
                quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
        return (s + start).T.flatten()[:n]

    def child(self, purpose, number):
        return Key(self.words(purpose, number, 8).astype("<u4").tobytes())

    def fold_in(self, name):
        return self.child(NAME, fnv1a(name))

    def fold_in_index(self, index):
        return self.child(INDEX, index)

    def mask(self, shape, p):
        """1 with probability `p`, else 0."""
        n = int(np.prod(shape))
        unit = (self.words(VALUE, 0, n) >> np.uint32(8)) / 2.0**24
        return torch.from_numpy((unit < p).astype(np.float64)).reshape(shape)
