//! Each operation at LeNet's sizes, batch 64: the plain loops, ours, candle's.

use candle_core::{Result, Tensor, Var};
use criterion::{Criterion, criterion_group, criterion_main};
use lenet_tensor::conv2d::{self, Conv2dOptions};
use lenet_tensor::conv2d_relu_max_pool2d::conv2d_relu_max_pool2d;
use lenet_tensor::geometry::{Conv2dGeometry, Pool2dGeometry};
use lenet_tensor::{adam, cross_entropy, linear, max_pool2d, relu};

const BATCH: usize = 64;

fn values(t: &Tensor) -> Result<Vec<f32>> {
    t.flatten_all()?.to_vec1()
}

/// Forward and backward through `f` from tracked inputs.
fn both_ways(inputs: &[Var], f: impl Fn(&[Var]) -> Result<Tensor>) -> Result<()> {
    f(inputs)?.sum_all()?.backward().map(drop)
}

#[expect(
    clippy::expect_used,
    reason = "a bench that cannot run has nothing to say"
)]
fn run(result: Result<()>) {
    result.expect("the operation runs");
}

fn conv(c: &mut Criterion) -> Result<()> {
    let mut group = c.benchmark_group("conv2d 6 to 16, 5x5 on 12x12, both ways");
    let x = Var::from_tensor(&benches::uniform("x", &[BATCH, 6, 12, 12])?)?;
    let weight = Var::from_tensor(&benches::uniform("weight", &[16, 6, 5, 5])?)?;
    let bias = Var::from_tensor(&benches::uniform("bias", &[16])?)?;
    let options = Conv2dOptions::default();
    let geometry = Conv2dGeometry::new(x.dims(), weight.dims(), options)?;
    let (xs, ws, bs) = (values(&x)?, values(&weight)?, values(&bias)?);
    group.bench_function("reference", |b| {
        b.iter(|| {
            let y = conv2d::reference::forward(&xs, &ws, &bs, &geometry);
            conv2d::reference::backward(&xs, &ws, &y, &geometry, true)
        });
    });
    let inputs = [x, weight, bias];
    group.bench_function("ours", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                conv2d::conv2d(&t[0], &t[1], Some(&t[2]), options)
            }));
        });
    });
    group.bench_function("candle", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                let bias = t[2].reshape((1, 16, 1, 1))?;
                t[0].conv2d(&t[1], 0, 1, 1, 1)?.broadcast_add(&bias)
            }));
        });
    });
    group.finish();
    Ok(())
}

fn pool(c: &mut Criterion) -> Result<()> {
    let mut group = c.benchmark_group("max_pool2d 6 maps of 24x24, both ways");
    let x = Var::from_tensor(&benches::uniform("x", &[BATCH, 6, 24, 24])?)?;
    let geometry = Pool2dGeometry::new("max_pool2d", x.dims(), [2; 2], [2; 2])?;
    let xs = values(&x)?;
    group.bench_function("reference", |b| {
        b.iter(|| {
            let (y, argmax) = max_pool2d::reference::forward(&xs, &geometry);
            max_pool2d::reference::backward(&y, &argmax, &geometry)
        });
    });
    let inputs = [x];
    group.bench_function("ours", |b| {
        b.iter(|| run(both_ways(&inputs, |t| max_pool2d::max_pool2d(&t[0], 2, 2))));
    });
    #[expect(clippy::disallowed_methods, reason = "candle's, to compare with")]
    group.bench_function("candle", |b| {
        b.iter(|| run(both_ways(&inputs, |t| t[0].max_pool2d(2))));
    });
    group.finish();
    Ok(())
}

fn rectifier(c: &mut Criterion) -> Result<()> {
    let mut group = c.benchmark_group("relu 6 maps of 24x24, both ways");
    let inputs = [Var::from_tensor(&benches::uniform(
        "x",
        &[BATCH, 6, 24, 24],
    )?)?];
    group.bench_function("ours", |b| {
        b.iter(|| run(both_ways(&inputs, |t| relu::relu(&t[0]))));
    });
    #[expect(clippy::disallowed_methods, reason = "candle's, to compare with")]
    group.bench_function("candle", |b| {
        b.iter(|| run(both_ways(&inputs, |t| t[0].relu())));
    });
    group.finish();
    Ok(())
}

fn fused(c: &mut Criterion) -> Result<()> {
    let mut group = c.benchmark_group("conv2d, relu, max_pool2d, 1 to 6, 5x5 on 28x28, both ways");
    let x = benches::uniform("x", &[BATCH, 1, 28, 28])?;
    let weight = Var::from_tensor(&benches::uniform("weight", &[6, 1, 5, 5])?)?;
    let bias = Var::from_tensor(&benches::uniform("bias", &[6])?)?;
    let options = Conv2dOptions::default();
    let inputs = [weight, bias];
    group.bench_function("ours, as one", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                conv2d_relu_max_pool2d(&x, &t[0], &t[1], options, 2, 2)
            }));
        });
    });
    group.bench_function("ours, one by one", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                let y = relu::relu(&conv2d::conv2d(&x, &t[0], Some(&t[1]), options)?)?;
                max_pool2d::max_pool2d(&y, 2, 2)
            }));
        });
    });
    #[expect(clippy::disallowed_methods, reason = "candle's, to compare with")]
    group.bench_function("candle", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                let bias = t[1].reshape((1, 6, 1, 1))?;
                let y = x.conv2d(&t[0], 0, 1, 1, 1)?.broadcast_add(&bias)?;
                y.relu()?.max_pool2d(2)
            }));
        });
    });
    group.finish();
    Ok(())
}

fn fully_connected(c: &mut Criterion) -> Result<()> {
    let mut group = c.benchmark_group("linear 256 to 120, both ways");
    let x = Var::from_tensor(&benches::uniform("x", &[BATCH, 256])?)?;
    let weight = Var::from_tensor(&benches::uniform("weight", &[120, 256])?)?;
    let bias = Var::from_tensor(&benches::uniform("bias", &[120])?)?;
    let (xs, ws, bs) = (values(&x)?, values(&weight)?, values(&bias)?);
    let sizes = linear::Sizes {
        rows: BATCH,
        inputs: 256,
        outputs: 120,
        relu: false,
    };
    group.bench_function("reference", |b| {
        b.iter(|| {
            let y = linear::reference::forward(&xs, &ws, &bs, sizes);
            linear::reference::backward(&xs, &ws, &y, sizes, true)
        });
    });
    let inputs = [x, weight, bias];
    group.bench_function("ours", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                linear::linear(&t[0], &t[1], Some(&t[2]))
            }))
        });
    });
    group.bench_function("candle", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                t[0].matmul(&t[1].t()?)?.broadcast_add(&t[2])
            }));
        });
    });
    group.finish();
    Ok(())
}

fn loss(c: &mut Criterion) -> Result<()> {
    let mut group = c.benchmark_group("cross_entropy of 10 classes, both ways");
    let inputs = [Var::from_tensor(&benches::uniform(
        "logits",
        &[BATCH, 10],
    )?)?];
    let labels: Vec<u32> = (0..BATCH as u32).map(|n| n % 10).collect();
    let labels = Tensor::new(labels, inputs[0].device())?;
    group.bench_function("ours", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                cross_entropy::cross_entropy(&t[0], &labels)
            }))
        });
    });
    group.bench_function("candle", |b| {
        b.iter(|| {
            run(both_ways(&inputs, |t| {
                candle_nn::loss::cross_entropy(&t[0], &labels)
            }));
        });
    });
    group.finish();
    Ok(())
}

fn optimizer(c: &mut Criterion) -> Result<()> {
    let mut group = c.benchmark_group("Adam on 120x256 values");
    let theta = Var::from_tensor(&benches::uniform("theta", &[120, 256])?)?;
    let gradient = benches::uniform("gradient", &[120, 256])?;
    let hyper = adam::Hyper::default();
    let n = theta.elem_count();
    group.bench_function("reference", |b| {
        let (mut values, g) = (vec![0.5; n], vec![0.1; n]);
        let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);
        b.iter(|| adam::reference::step::<f32>(&mut values, &g, &mut m, &mut v, &hyper, 5));
    });
    let mut moments = adam::Moments::zeros(&theta)?;
    group.bench_function("ours", |b| {
        b.iter(|| run(adam::update(&theta, &gradient, &mut moments, &hyper, 5)));
    });
    group.finish();
    Ok(())
}

fn operations(c: &mut Criterion) {
    for bench in [
        conv,
        pool,
        rectifier,
        fused,
        fully_connected,
        loss,
        optimizer,
    ] {
        run(bench(c));
    }
}

criterion_group!(benches_of_operations, operations);
criterion_main!(benches_of_operations);
