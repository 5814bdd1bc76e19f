//! The six networks against PyTorch's: the same names, and from the same weights the
//! same loss, gradients and, after ten steps of their usual optimizer, weights.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

use candle_core::{DType, Device, Result, Tensor};
use lenet_nn::layers::at_step;
use lenet_nn::models::Flavour;
use lenet_nn::params::Entry;
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::testing::at_each_level;
use lenet_tensor::testing::golden::{Case, Golden, hashed};
use lenet_tensor::{Key, adam, no_grad, sgd};
use lenet_train::optim::{Adam, Optimizer, Sgd};

const STEPS: u64 = 10;
const BATCH: usize = 8;

/// How far a result may be from PyTorch's, as a part of its size.
#[derive(Clone, Copy)]
struct Tolerances {
    losses: f64,
    gradients: f64,
    after: f64,
    /// What a gradient that is 0 but for rounding may come to; others are about 0.1.
    nothing: f64,
}

/// In f64 both sides round sums of some thousand terms by 1e-16, five layers deep.
const IN_F64: Tolerances = Tolerances {
    losses: 1e-12,
    gradients: 1e-12,
    after: 1e-12,
    nothing: 1e-14,
};

/// In f32 the roundings are 5e8 times as large, and Adam divides a gradient by its own
/// size, so that a small one's error counts as a large one's. What was found: 1e-7 in
/// losses, 6e-6 in gradients, 2e-6 after ten steps.
const IN_F32: Tolerances = Tolerances {
    losses: 2e-6,
    gradients: 5e-5,
    after: 1e-5,
    nothing: 5e-6,
};

/// Where eight times as many cells meet a ReLU and a maximum, a rounding tips some
/// over within ten steps: 1e-4 was found.
const PLUS_IN_F32: Tolerances = Tolerances {
    after: 1e-3,
    ..IN_F32
};

fn golden() -> Golden {
    Golden::open("tests/golden/models.safetensors")
}

fn check(name: &str, kind: ModelKind, flavour: Flavour) {
    golden().each(name, 2, |case| {
        if case.name().ends_with("f64") {
            ten_steps(case, kind, flavour, DType::F64, IN_F64).unwrap();
        } else {
            let tolerances = match kind {
                ModelKind::Lenet5Plus => PLUS_IN_F32,
                _ => IN_F32,
            };
            at_each_level(|| ten_steps(case, kind, flavour, DType::F32, tolerances).unwrap());
        }
    });
}

fn ten_steps(
    case: &Case<'_>,
    kind: ModelKind,
    flavour: Flavour,
    dtype: DType,
    tolerances: Tolerances,
) -> Result<()> {
    let parameters = Parameters::with_dtype(Key::from_seed(7), dtype, &Device::Cpu);
    let model = kind.build(flavour, &parameters).unwrap();
    let trainable = parameters.trainable();
    assert_eq!(names(&trainable), case.names_below("gradient"));
    assert_eq!(names(&parameters.entries()), case.names_below("after"));
    for entry in &trainable {
        entry.var.set(&start(entry)?)?;
    }
    let side = 28 + 2 * kind.padding();
    let images = hashed("images", &[BATCH, 1, side, side], DType::F64);
    let images = images.affine(0.5, 0.5)?.to_dtype(dtype)?;
    let labels: Vec<u32> = (0..BATCH as u32).map(|n| 7 * n % 10).collect();
    let labels = Tensor::new(labels, &Device::Cpu)?;

    let trained = trainable.iter().filter(|e| !shifts_for_nothing(&e.name));
    let mut optimizer = usual(kind, trained.cloned().collect())?;
    let mut losses = Vec::new();
    for step in 1..=STEPS {
        let output = at_step(step, || model.forward_t(&images, true))?;
        let loss = kind.loss().of(&output, &labels)?;
        let gradients = loss.backward()?;
        if step == 1 {
            for entry in &trainable {
                let gradient = gradients.get(&entry.var).unwrap();
                let name = format!("gradient/{}", entry.name);
                if shifts_for_nothing(&entry.name) {
                    let theirs = case.floats(&name).into_iter().map(f64::abs);
                    let ours = gradient.abs()?.max_all()?.to_dtype(DType::F64)?;
                    let largest = theirs.fold(ours.to_scalar()?, f64::max);
                    assert!(largest < tolerances.nothing, "{name}: {largest:e}");
                } else {
                    case.check_digest(&name, gradient, tolerances.gradients);
                }
            }
        }
        optimizer.step(&gradients).unwrap();
        losses.push(loss.to_dtype(DType::F64)?.to_scalar::<f64>()?);
    }
    for (step, (ours, theirs)) in (1..).zip(losses.iter().zip(case.floats("losses"))) {
        let off = (ours / theirs - 1.0).abs();
        assert!(
            off <= tolerances.losses,
            "{}, step {step}: {ours} for {theirs}",
            case.name()
        );
    }
    for entry in parameters.entries() {
        case.check_digest(
            &format!("after/{}", entry.name),
            &entry.var,
            tolerances.after,
        );
    }
    let evaluated = no_grad(|| model.forward_t(&images, false))?;
    case.check_digest("evaluated", &evaluated, tolerances.after);
    Ok(())
}

/// BatchNorm takes a bias before it away again: its gradient is rounding alone, which
/// Adam would make whole steps of. No optimizer gets it, here and in PyTorch.
fn shifts_for_nothing(name: &str) -> bool {
    name.contains("block") && name.contains("conv") && name.ends_with("bias")
}

/// Sorted, as a file has them.
fn names(entries: &[Entry]) -> Vec<String> {
    let mut names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    names.sort();
    names
}

/// A parameter's first values: those of its name, as large as they usually are.
fn start(entry: &Entry) -> Result<Tensor> {
    let shape = entry.var.dims();
    let drawn = hashed(&entry.name, shape, DType::F64);
    let scaled = match shape {
        [_, inputs @ ..] if !inputs.is_empty() => {
            let fan_in = Tensor::new(inputs.iter().product::<usize>() as f64, &Device::Cpu)?;
            drawn.broadcast_div(&fan_in.sqrt()?)?
        }
        _ if entry.name.ends_with("weight") => drawn.affine(0.5, 1.0)?,
        _ => drawn.broadcast_div(&Tensor::new(10f64, &Device::Cpu)?)?,
    };
    scaled.to_dtype(entry.var.dtype())
}

/// What such networks are trained with: the `convnet` of the tutorials with SGD.
fn usual(kind: ModelKind, parameters: Vec<Entry>) -> Result<Box<dyn Optimizer>> {
    if kind == ModelKind::ConvNet {
        let hyper = sgd::Hyper {
            lr: 0.01,
            ..Default::default()
        };
        return Ok(Box::new(Sgd::new(parameters, hyper).unwrap()));
    }
    Ok(Box::new(
        Adam::new(parameters, adam::Hyper::default()).unwrap(),
    ))
}

#[test]
fn every_model_has_a_case() {
    let mut names = ModelKind::ALL.map(ModelKind::name).to_vec();
    names.push("lenet5-32-1998");
    names.sort_unstable();
    assert_eq!(golden().operations(), names);
}

macro_rules! models {
    ($($test:ident: $kind:ident, $flavour:ident, $name:literal;)*) => {$(
        #[test]
        fn $test() {
            check($name, ModelKind::$kind, Flavour::$flavour);
        }
    )*};
}

models! {
    lenet5_is_pytorchs: Lenet5, Modern, "lenet5";
    lenet5_sequential_is_pytorchs: Lenet5Sequential, Modern, "lenet5-sequential";
    lenet5_32_is_pytorchs: Lenet5On32, Modern, "lenet5-32";
    lenet5_32_of_1998_is_pytorchs: Lenet5On32, Of1998, "lenet5-32-1998";
    lenet5_plus_is_pytorchs: Lenet5Plus, Modern, "lenet5-plus";
    article_sequential_is_pytorchs: ArticleSequential, Modern, "article-sequential";
    convnet_is_pytorchs: ConvNet, Modern, "convnet";
}
