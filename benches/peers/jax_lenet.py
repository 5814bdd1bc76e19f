"""LeNet-5 in JAX: one jitted step, channels last."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

import protocol

images, labels = protocol.data()
images = images.reshape(-1, 28, 28, 1)


def parameters():
    rng = np.random.default_rng(0)

    def layer(fan_in, shape, out):
        bound = fan_in**-0.5
        return {
            "w": jnp.asarray(rng.uniform(-bound, bound, shape), jnp.float32),
            "b": jnp.asarray(rng.uniform(-bound, bound, out), jnp.float32),
        }

    return [
        layer(25, (5, 5, 1, 6), 6),
        layer(150, (5, 5, 6, 16), 16),
        layer(256, (256, 120), 120),
        layer(120, (120, 84), 84),
        layer(84, (84, 10), 10),
    ]


def forward(layers, x):
    conv1, conv2, *dense = layers
    for conv in (conv1, conv2):
        x = lax.conv_general_dilated(
            x, conv["w"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.relu(x + conv["b"])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = x.reshape(x.shape[0], -1)
    for i, layer in enumerate(dense):
        x = x @ layer["w"] + layer["b"]
        if i < len(dense) - 1:
            x = jax.nn.relu(x)
    return x


optimizer = optax.adam(1e-3)


@jax.jit
def train_step(layers, state, x, y):
    def loss(layers):
        return optax.softmax_cross_entropy_with_integer_labels(forward(layers, x), y).mean()

    gradients = jax.grad(loss)(layers)
    updates, state = optimizer.update(gradients, state)
    return optax.apply_updates(layers, updates), state


predict = jax.jit(lambda layers, x: forward(layers, x).argmax(1))


def batches(batch):
    n = len(labels) // batch * batch
    x = [jnp.asarray(x) for x in np.split(images[:n], n // batch)]
    y = [jnp.asarray(y, jnp.int32) for y in np.split(labels[:n], n // batch)]
    return protocol.cycle(list(zip(x, y)))


def trainer(batch):
    layers = parameters()
    now = [layers, optimizer.init(layers)]
    data = batches(batch)

    def step():
        now[:] = train_step(*now, *next(data))
        jax.block_until_ready(now[0])

    return step


def predictor(batch):
    layers = parameters()
    data = batches(batch)
    return lambda: predict(layers, next(data)[0]).block_until_ready()


protocol.serve({"train-jit": trainer, "predict-jit": predictor})
