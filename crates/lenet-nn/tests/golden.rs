//! Layers, losses and initialisation against PyTorch. In f64 they run on the plain
//! loops, in f32 on the kernels, at every level of vectors.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{Module, ModuleT};
use lenet_nn::Parameters;
use lenet_nn::layers::{BatchNorm2d, Conv2d, Linear, LogSoftmax, Tanh};
use lenet_nn::loss::nll;
use lenet_tensor::Key;
use lenet_tensor::conv2d::Conv2dOptions;
use lenet_tensor::testing::at_each_level;
use lenet_tensor::testing::golden::{Case, Golden};

fn golden() -> Golden {
    Golden::open("tests/golden/layers.safetensors")
}

/// As for the operations: 1e-12 is what f64 rounds in sums of thousands, 1e-5 what
/// f32 does with room for the worst.
const TOLERANCES: [(DType, f64); 2] = [(DType::F64, 1e-12), (DType::F32, 1e-5)];

fn in_each_dtype(f: impl Fn(DType, f64)) {
    let [(f64, fine), (f32, coarse)] = TOLERANCES;
    f(f64, fine);
    at_each_level(|| f(f32, coarse));
}

fn run(case: &Case<'_>, f: impl Fn(&Tensor) -> Result<Tensor>) {
    in_each_dtype(|dtype, tolerance| case.run(&["x"], dtype, tolerance, |t| f(&t[0])));
}

#[test]
fn every_operation_of_the_file_has_a_test() {
    let expected = ["batch_norm2d", "init", "log_softmax", "nll", "tanh"];
    assert_eq!(golden().operations(), expected);
}

#[test]
fn what_has_no_loops_of_ours_is_pytorchs() {
    golden().each("tanh", 2, |case| run(case, |x| Tanh.forward(x)));
    golden().each("log_softmax", 2, |case| {
        run(case, |x| LogSoftmax.forward(x))
    });
}

#[test]
fn nll_is_pytorchs() {
    golden().each("nll", 2, |case| {
        let labels: Vec<u32> = case.integers("labels").iter().map(|&v| v as u32).collect();
        let labels = Tensor::new(labels, &Device::Cpu).unwrap();
        run(case, |x| nll(x, &labels));
    });
}

/// Three batches in training mode and one in evaluation: outputs, gradients, and the
/// running statistics after each.
#[test]
fn batch_norm2d_is_pytorchs() {
    golden().each("batch_norm2d", 3, |case| {
        in_each_dtype(|dtype, tolerance| batch_norm2d(case, dtype, tolerance).unwrap());
    });
}

fn batch_norm2d(case: &Case<'_>, dtype: DType, tolerance: f64) -> Result<()> {
    let weight = case.input("weight", dtype);
    let parameters = Parameters::with_dtype(Key::from_seed(1), dtype, &Device::Cpu);
    let norm = BatchNorm2d::new(weight.elem_count(), parameters.builder())?;
    let find = |name: &str| -> Var {
        let mut entries = parameters.entries().into_iter();
        entries.find(|entry| entry.name == name).unwrap().var
    };
    find("weight").set(&weight)?;
    find("bias").set(&case.input("bias", dtype))?;
    for batch in 0..4 {
        let x = Var::from_tensor(&case.input(&format!("x{batch}"), dtype))?;
        let y = norm.forward_t(&x.affine(2.0, 0.5)?, batch < 3)?;
        case.check(&format!("y{batch}"), &y, tolerance);
        let gradients = (y * case.input("grad", dtype))?.sum_all()?.backward()?;
        for (name, var) in [("x", x), ("weight", find("weight")), ("bias", find("bias"))] {
            let gradient = gradients.get(&var).unwrap();
            case.check(&format!("{name}{batch}.grad"), gradient, tolerance);
        }
        for name in ["running_mean", "running_var"] {
            case.check(&format!("{name}{batch}"), &find(name), tolerance);
        }
        let tracked = find("num_batches_tracked").reshape(1)?;
        case.check(&format!("num_batches_tracked{batch}"), &tracked, 0.0);
    }
    Ok(())
}

/// As many values as PyTorch drew: none beyond PyTorch's bound, and the same spread.
/// A standard deviation, a mean and a decile of `n` uniform values in ±1 have standard
/// errors of at most 0.26, 0.58 and 1.0 by `√n`; both sides drew, so five standard
/// errors of the difference are `5·√2` of those.
#[test]
fn layers_start_as_pytorchs_do() {
    golden().each("init", 6, |case| {
        let [kind, what] = match case.name().rsplit_once('-') {
            Some((kind, what)) => [kind.trim_start_matches("init/"), what],
            None => panic!("{}: LAYER-PARAMETER", case.name()),
        };
        let [n, fan_in] = ["drawn", "fan_in"].map(|name| case.integers(name)[0]);
        let [bound, mean, std] = ["bound", "mean", "std"].map(|name| case.floats(name)[0]);
        assert!((bound * (fan_in as f64).sqrt() - 1.0).abs() < 1e-12);

        let mut drawn: Vec<f64> = Vec::with_capacity(n);
        for seed in 0.. {
            if drawn.len() >= n {
                break;
            }
            let values = fresh(kind, what, seed).unwrap();
            drawn.extend(values.iter().map(|&v| f64::from(v)));
        }
        drawn.sort_by(f64::total_cmp);
        // f32 may round the bound up.
        let bound_f32 = f64::from(bound as f32);
        assert!(-drawn[0] <= bound_f32 && drawn[drawn.len() - 1] <= bound_f32);

        let error = 5.0 * 2f64.sqrt() * bound / (n as f64).sqrt();
        let count = drawn.len() as f64;
        let our_mean = drawn.iter().sum::<f64>() / count;
        let squares: f64 = drawn.iter().map(|v| (v - our_mean).powi(2)).sum();
        let our_std = (squares / count).sqrt();
        assert!((our_mean - mean).abs() < 0.58 * error, "{}", case.name());
        assert!((our_std - std).abs() < 0.26 * error, "{}", case.name());
        for (i, decile) in (1..).zip(case.floats("deciles")) {
            let ours = drawn[i * drawn.len() / 10];
            assert!((ours - decile).abs() < error, "{}: decile {i}", case.name());
        }
    });
}

/// A new layer's values.
fn fresh(kind: &str, what: &str, seed: u64) -> Result<Vec<f32>> {
    let parameters = Parameters::new(Key::from_seed(seed), &Device::Cpu);
    let vb = parameters.builder();
    match kind {
        "conv2d" => drop(Conv2d::new(6, 16, 5, vb)?),
        "conv2d-groups" => {
            let options = Conv2dOptions {
                groups: 2,
                ..Default::default()
            };
            drop(Conv2d::with_options(4, 6, [3, 2], options, vb)?);
        }
        "linear" => drop(Linear::new(256, 120, vb)?),
        other => panic!("no layer {other}"),
    }
    let mut entries = parameters.entries().into_iter();
    let entry = entries.find(|entry| entry.name == what).unwrap();
    entry.var.flatten_all()?.to_vec1()
}
