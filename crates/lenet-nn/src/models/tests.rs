//! What holds for every network.

use candle_core::{DType, Device, Tensor, Var};
use lenet_tensor::testing::{assert_close, uniform};
use lenet_tensor::{Key, no_grad};
use proptest::prelude::*;

use super::{Flavour, Model, ModelKind};
use crate::Parameters;

fn build(kind: ModelKind, seed: u64) -> (Box<dyn Model>, Parameters) {
    let parameters = Parameters::new(Key::from_seed(seed), &Device::Cpu);
    let model = kind.build(Flavour::Modern, &parameters).unwrap();
    (model, parameters)
}

fn images(kind: ModelKind, n: usize) -> Tensor {
    let side = 28 + 2 * kind.padding();
    uniform(Key::from_seed(99), &[n, 1, side, side], DType::F32).unwrap()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn each_has_its_number_of_parameters() {
    let expected = [
        (ModelKind::Lenet5, 44_426),
        (ModelKind::Lenet5Sequential, 44_426),
        (ModelKind::Lenet5On32, 61_706),
        // 24·9+24 + 24·24·9+24 + 48·24·9+48 + 48·48·9+48 + 4 norms of 2·C + 768·128+128 + 1,290.
        (ModelKind::Lenet5Plus, 136_658),
        (ModelKind::ArticleSequential, 44_426),
        (ModelKind::ConvNet, 21_840),
    ];
    assert_eq!(expected.map(|(kind, _)| kind), ModelKind::ALL);
    for (kind, count) in expected {
        let (model, parameters) = build(kind, 1);
        assert_eq!(parameters.count(), count, "{kind}");
        let by_layer: usize = model
            .layers()
            .iter()
            .map(|l| l.parameters(&parameters))
            .sum();
        assert_eq!(by_layer, count, "{kind}: the summary counts the same");
    }
}

#[test]
fn names_are_pytorchs() {
    let names = |kind| -> Vec<String> {
        let entries = build(kind, 1).1.entries();
        entries
            .into_iter()
            .map(|e| format!("{} {:?}", e.name, e.var.dims()))
            .collect()
    };
    let lenet5 = names(ModelKind::Lenet5);
    assert_eq!(lenet5[..2], ["conv1.weight [6, 1, 5, 5]", "conv1.bias [6]"]);
    assert_eq!(lenet5[4], "fc1.weight [120, 256]");
    assert_eq!(lenet5, names(ModelKind::Lenet5Sequential));
    let indexed: Vec<String> = names(ModelKind::ArticleSequential)
        .iter()
        .map(|name| name.split('.').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(indexed, ["0", "0", "3", "3", "7", "7", "8", "8", "9", "9"]);
    assert!(
        names(ModelKind::Lenet5Plus).contains(&"block1.norm1.num_batches_tracked []".to_owned())
    );
}

#[test]
fn names_go_there_and_back_and_unknown_ones_are_refused() {
    for kind in ModelKind::ALL {
        assert_eq!(kind.name().parse::<ModelKind>().unwrap(), kind);
    }
    let error = "lenet6".parse::<ModelKind>().unwrap_err().to_string();
    assert!(
        error.starts_with("unknown model `lenet6`: expected one of lenet5, "),
        "{error}"
    );
}

#[test]
fn the_flavour_of_1998_belongs_to_one_model() {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let error = ModelKind::Lenet5
        .build(Flavour::Of1998, &parameters)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "model lenet5 has no 1998 flavour: only lenet5-32 does"
    );
    let old = ModelKind::Lenet5On32
        .build(Flavour::Of1998, &parameters)
        .unwrap();
    let used: Vec<&str> = old.layers()[1..3]
        .iter()
        .map(|l| l.layer.as_str())
        .collect();
    assert_eq!(used, ["Tanh", "AvgPool2d(kernel_size=2, stride=2)"]);
    assert_eq!(parameters.count(), 61_706);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_sequential_equals_the_module_to_the_bit(seed: u64, batch in 1usize..5) {
        let (module, of_module) = build(ModelKind::Lenet5, seed);
        let (sequential, of_sequential) = build(ModelKind::Lenet5Sequential, seed);
        let x = images(ModelKind::Lenet5, batch);
        let run = |model: &dyn Model, parameters: &Parameters| {
            let y = model.forward_t(&x, true).unwrap();
            let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let of = |var: &Var| values(gradients.get(var).expect("every parameter has a gradient"));
            let all: Vec<Vec<f32>> = parameters.entries().iter().map(|e| of(&e.var)).collect();
            (values(&y), all)
        };
        prop_assert_eq!(run(&*module, &of_module), run(&*sequential, &of_sequential));
    }
}

#[test]
fn every_parameter_gets_a_gradient_and_the_summary_tells_the_truth() {
    for kind in ModelKind::ALL {
        let (model, parameters) = build(kind, 3);
        let y = model.forward_t(&images(kind, 4), true).unwrap();
        assert_eq!(y.dims(), [4, 10], "{kind}");
        assert_eq!(model.layers().last().unwrap().output_shape, [10], "{kind}");
        let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        for entry in parameters.trainable() {
            let gradient = gradients
                .get(&entry.var)
                .unwrap_or_else(|| panic!("{kind}: {}", entry.name));
            assert!(
                values(gradient).iter().any(|v| *v != 0.0),
                "{kind}: {}",
                entry.name
            );
        }
    }
}

#[test]
fn images_in_one_batch_do_not_see_each_other_in_evaluation_mode() {
    for kind in ModelKind::ALL {
        let (model, _) = build(kind, 4);
        let x = images(kind, 3);
        let together = values(&no_grad(|| model.forward_t(&x, false)).unwrap());
        for i in 0..3 {
            let alone = no_grad(|| model.forward_t(&x.narrow(0, i, 1).unwrap(), false)).unwrap();
            // Matrix products may sum in another order for one row: f32 rounding.
            assert_close(&values(&alone), &together[i * 10..(i + 1) * 10], 1e-5);
        }
    }
}

#[test]
fn convnet_gives_log_probabilities() {
    let (model, _) = build(ModelKind::ConvNet, 5);
    let y = values(
        &model
            .forward_t(&images(ModelKind::ConvNet, 1), false)
            .unwrap(),
    );
    let total: f64 = y.iter().map(|&v| f64::from(v).exp()).sum();
    // Ten values rounded to f32.
    assert!((total - 1.0).abs() < 1e-5, "{total}");
}
