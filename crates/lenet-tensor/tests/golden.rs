//! The operations against PyTorch: forward and every gradient. In f64 they are the
//! reference's plain loops, in f32 the kernels, at every level of vectors.

use candle_core::{DType, Tensor};
use lenet_tensor::Key;
use lenet_tensor::avg_pool2d::avg_pool2d;
use lenet_tensor::conv2d::{Conv2dOptions, conv2d};
use lenet_tensor::conv2d_relu_max_pool2d::conv2d_relu_max_pool2d;
use lenet_tensor::cross_entropy::cross_entropy;
use lenet_tensor::dropout::dropout;
use lenet_tensor::linear::{linear, linear_relu};
use lenet_tensor::max_pool2d::max_pool2d;
use lenet_tensor::relu::relu;
use lenet_tensor::testing::at_each_level;
use lenet_tensor::testing::golden::{Case, Golden};

fn golden() -> Golden {
    Golden::open("tests/golden/operations.safetensors")
}

/// In f64 both sides round each of at most some thousand terms by 1e-16; in f32 by
/// 6e-8, in another order, of which 1e-5 of the result's size is what sums of so many
/// terms come to with room for the worst.
fn run(case: &Case<'_>, inputs: &[&str], f: impl Fn(&[Tensor]) -> candle_core::Result<Tensor>) {
    case.run(inputs, DType::F64, 1e-12, &f);
    at_each_level(|| case.run(inputs, DType::F32, 1e-5, &f));
}

#[test]
fn every_operation_of_the_file_has_a_test() {
    let expected = [
        "avg_pool2d",
        "conv2d",
        "conv2d_relu_max_pool2d",
        "cross_entropy",
        "dropout",
        "linear",
        "linear_relu",
        "max_pool2d",
        "relu",
    ];
    assert_eq!(golden().operations(), expected);
}

#[test]
fn conv2d_is_pytorchs() {
    golden().each("conv2d", 12, |case| {
        let [sh, sw, ph, pw, dh, dw, groups] = case.integers("options")[..] else {
            panic!("{}: options", case.name());
        };
        let options = Conv2dOptions {
            stride: [sh, sw],
            padding: [ph, pw],
            dilation: [dh, dw],
            groups,
        };
        run(case, &["x", "weight", "bias"], |t| {
            conv2d(&t[0], &t[1], Some(&t[2]), options)
        });
    });
}

/// Kernel and stride, `(down, right)`.
fn window(case: &Case<'_>) -> [(usize, usize); 2] {
    match case.integers("options")[..] {
        [kh, kw, sh, sw] => [(kh, kw), (sh, sw)],
        _ => panic!("{}: options", case.name()),
    }
}

#[test]
fn max_pool2d_is_pytorchs() {
    golden().each("max_pool2d", 9, |case| {
        let [kernel, stride] = window(case);
        run(case, &["x"], |t| max_pool2d(&t[0], kernel, stride));
    });
}

#[test]
fn avg_pool2d_is_pytorchs() {
    golden().each("avg_pool2d", 6, |case| {
        let [kernel, stride] = window(case);
        run(case, &["x"], |t| avg_pool2d(&t[0], kernel, stride));
    });
}

#[test]
fn relu_is_pytorchs() {
    golden().each("relu", 2, |case| run(case, &["input"], |t| relu(&t[0])));
}

#[test]
fn linear_is_pytorchs() {
    let inputs = ["x", "weight", "bias"];
    golden().each("linear", 5, |case| {
        run(case, &inputs, |t| linear(&t[0], &t[1], Some(&t[2])));
    });
    golden().each("linear_relu", 5, |case| {
        run(case, &inputs, |t| linear_relu(&t[0], &t[1], Some(&t[2])));
    });
}

#[test]
fn the_fused_operation_is_pytorchs_three() {
    golden().each("conv2d_relu_max_pool2d", 10, |case| {
        let [stride, padding, dilation, kernel, step] = case.integers("options")[..] else {
            panic!("{}: options", case.name());
        };
        let options = Conv2dOptions {
            stride: [stride; 2],
            padding: [padding; 2],
            dilation: [dilation; 2],
            groups: 1,
        };
        run(case, &["x", "weight", "bias"], |t| {
            conv2d_relu_max_pool2d(&t[0], &t[1], &t[2], options, kernel, step)
        });
    });
}

#[test]
fn cross_entropy_is_pytorchs() {
    golden().each("cross_entropy", 4, |case| {
        let labels: Vec<u32> = case.integers("labels").iter().map(|&v| v as u32).collect();
        let labels = Tensor::new(labels, &candle_core::Device::Cpu).unwrap();
        run(case, &["logits"], |t| cross_entropy(&t[0], &labels));
    });
}

/// The masks are those of the key, drawn again in Python.
#[test]
fn dropout_scales_what_it_keeps_as_pytorch_does() {
    golden().each("dropout", 3, |case| {
        let name = case.name().rsplit('/').next().unwrap();
        let key = Key::from_seed(7).fold_in(name);
        run(case, &["x"], |t| dropout(&t[0], case.floats("p")[0], &key));
    });
}
