//! What it takes to draw an image anew: 3 µs at most are aimed at.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lenet_data::{Augment, Augmenter};
use lenet_tensor::Key;

fn images(c: &mut Criterion) {
    let mut group = c.benchmark_group("an image drawn anew");
    let values = Key::from_seed(1).uniform(784, 0.0, 255.9);
    let image: [u8; 784] = std::array::from_fn(|at| values[at] as u8);
    for augment in Augment::ALL {
        let augmenter = Augmenter::new(augment, Key::from_seed(1));
        let draws = augmenter.epoch(0);
        let mut index = 0;
        group.bench_function(BenchmarkId::from_parameter(augment), |b| {
            b.iter(|| {
                index += 1;
                draws.apply(black_box(&image), index)
            });
        });
    }
    group.finish();
}

criterion_group!(all, images);
criterion_main!(all);
