//! The file, decoded and run node by node: it computes what the model does.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::ModuleT;
use lenet_tensor::avg_pool2d::avg_pool2d;
use lenet_tensor::conv2d::{Conv2dOptions, conv2d};
use lenet_tensor::max_pool2d::max_pool2d;
use lenet_tensor::testing::{assert_close, uniform};
use lenet_tensor::{Key, no_grad};
use prost::Message;

use super::proto::{FLOAT32, GraphProto, ModelProto, NodeProto, ValueInfoProto};
use super::*;
use crate::Sequential;
use crate::layers::{Conv2d, Dropout, Flatten, ReLU};
use crate::models::{Flavour, Model, ModelKind};
use crate::summary::Trace;

const NORMALIZE: Option<(f64, f64)> = Some((0.1307, 0.3081));

fn every_model() -> Vec<(ModelKind, Flavour)> {
    let mut all = ModelKind::ALL.map(|kind| (kind, Flavour::Modern)).to_vec();
    all.push((ModelKind::Lenet5On32, Flavour::Of1998));
    all
}

fn build(kind: ModelKind, flavour: Flavour) -> (Box<dyn Model>, Parameters) {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let model = kind.build(flavour, &parameters).unwrap();
    // Moves BatchNorm's running statistics from where they say nothing.
    let side = 28 + 2 * kind.padding();
    let x = uniform(Key::from_seed(2), &[8, 1, side, side], DType::F32).unwrap();
    model.forward_t(&x, true).unwrap();
    (model, parameters)
}

fn bytes(kind: ModelKind, model: &dyn Model, parameters: &Parameters) -> Vec<u8> {
    let export = Export {
        name: kind.name(),
        layers: model.layers(),
        parameters,
        input_shape: [1, 28, 28],
        padding: kind.padding(),
        normalize: NORMALIZE,
        output: "logits",
        properties: &[("model".to_owned(), kind.name().to_owned())],
    };
    export.to_bytes().unwrap()
}

fn chain(net: &Sequential, parameters: &Parameters) -> Result<Vec<u8>> {
    let export = Export {
        name: "chain",
        layers: net.layers(),
        parameters,
        input_shape: [1, 2, 2],
        padding: 0,
        normalize: None,
        output: "y",
        properties: &[],
    };
    export.to_bytes()
}

fn decoded(bytes: &[u8]) -> ModelProto {
    ModelProto::decode(bytes).unwrap()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// The axes as text: `N` where the size is open.
fn axes(value: &ValueInfoProto) -> Vec<String> {
    let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
    assert_eq!(tensor.elem_type, Some(FLOAT32));
    let dims = tensor.shape.as_ref().unwrap().dim.iter();
    dims.map(|d| match (&d.dim_param, d.dim_value) {
        (Some(name), None) => name.clone(),
        (None, Some(size)) => size.to_string(),
        both => panic!("one of the two, not {both:?}"),
    })
    .collect()
}

/// Runs a graph of ours: ONNX's operators by candle and by lenet-tensor.
fn run(graph: &GraphProto, image: &Tensor) -> Tensor {
    let mut known = HashMap::from([(INPUT.to_owned(), image.clone())]);
    for tensor in &graph.initializer {
        let words = tensor.raw_data.as_ref().unwrap().chunks_exact(4);
        let data: Vec<f32> = words
            .map(|w| f32::from_le_bytes(w.try_into().unwrap()))
            .collect();
        let dims: Vec<usize> = tensor.dims.iter().map(|&d| d as usize).collect();
        let tensor_of = Tensor::from_vec(data, dims, &Device::Cpu).unwrap();
        known.insert(tensor.name.clone().unwrap(), tensor_of);
    }
    let mut constants: HashMap<String, &NodeProto> = HashMap::new();
    for node in &graph.node {
        if node.op_type() == "Constant" {
            constants.insert(node.output[0].clone(), node);
            continue;
        }
        let inputs: Vec<&Tensor> = node.input.iter().filter_map(|n| known.get(n)).collect();
        let constant = node.input.get(1).and_then(|name| constants.get(name));
        let y = compute(node, &inputs, constant.map(|c| &c.attribute[0])).unwrap();
        let declared = graph.value_info.iter().find(|v| v.name() == node.output[0]);
        if let Some(declared) = declared {
            let shape: Vec<String> = y.dims()[1..].iter().map(usize::to_string).collect();
            assert_eq!(axes(declared)[1..], shape, "{}", node.name());
        }
        known.insert(node.output[0].clone(), y);
    }
    known.remove(graph.output[0].name()).unwrap()
}

fn compute(
    node: &NodeProto,
    inputs: &[&Tensor],
    constant: Option<&super::proto::AttributeProto>,
) -> candle_core::Result<Tensor> {
    let attribute = |name: &str| {
        let found = node.attribute.iter().find(|a| a.name() == name);
        found.unwrap_or_else(|| panic!("{}: {name}", node.op_type()))
    };
    let pair = |name: &str| {
        let ints = &attribute(name).ints;
        [ints[0] as usize, ints[1] as usize]
    };
    let window = || {
        let ([kh, kw], [down, right]) = (pair("kernel_shape"), pair("strides"));
        ((kh, kw), (down, right))
    };
    let x = inputs[0];
    let channels = |t: &Tensor| t.reshape((1, t.elem_count(), 1, 1));
    match node.op_type() {
        "Pad" => {
            let p = constant.unwrap().ints[2] as usize;
            x.pad_with_zeros(2, p, p)?.pad_with_zeros(3, p, p)
        }
        "Sub" => x.broadcast_sub(&Tensor::new(constant.unwrap().f(), x.device())?),
        "Div" => x.broadcast_div(&Tensor::new(constant.unwrap().f(), x.device())?),
        "Conv" => {
            let options = Conv2dOptions {
                stride: pair("strides"),
                padding: pair("pads"),
                dilation: pair("dilations"),
                groups: attribute("group").i() as usize,
            };
            conv2d(x, inputs[1], Some(inputs[2]), options)
        }
        "Gemm" => {
            assert_eq!(attribute("transB").i(), 1);
            x.matmul(&inputs[1].t()?)?.broadcast_add(inputs[2])
        }
        "BatchNormalization" => {
            let epsilon = f64::from(attribute("epsilon").f());
            let std = (channels(inputs[4])? + epsilon)?.sqrt()?;
            let x = x
                .broadcast_sub(&channels(inputs[3])?)?
                .broadcast_div(&std)?;
            x.broadcast_mul(&channels(inputs[1])?)?
                .broadcast_add(&channels(inputs[2])?)
        }
        "MaxPool" => {
            let (kernel, stride) = window();
            max_pool2d(x, kernel, stride)
        }
        "AveragePool" => {
            let (kernel, stride) = window();
            avg_pool2d(x, kernel, stride)
        }
        "Relu" => x.maximum(&x.zeros_like()?),
        "Tanh" => x.tanh(),
        "LogSoftmax" => {
            assert_eq!(attribute("axis").i(), -1);
            candle_nn::ops::log_softmax(x, candle_core::D::Minus1)
        }
        "Flatten" => x.flatten_from(attribute("axis").i() as usize),
        "Identity" => Ok(x.clone()),
        other => panic!("no such node here: {other}"),
    }
}

#[test]
fn the_graph_computes_what_the_model_does() {
    for (kind, flavour) in every_model() {
        let (model, parameters) = build(kind, flavour);
        let file = decoded(&bytes(kind, &*model, &parameters));
        let image = uniform(Key::from_seed(3), &[5, 1, 28, 28], DType::F32).unwrap();
        let p = kind.padding();
        let x = image.pad_with_zeros(2, p, p).unwrap();
        let x = x.pad_with_zeros(3, p, p).unwrap();
        let x = ((x - 0.1307).unwrap() / 0.3081).unwrap();
        let expected = values(&no_grad(|| model.forward_t(&x, false)).unwrap());
        let found = values(&run(&file.graph.unwrap(), &image));
        // At most 1,568 products of about 1 each, summed in f32 in another order.
        assert_close(&found, &expected, 1e-5);
    }
}

#[test]
fn versions_ends_and_names_are_as_documented() {
    for (kind, flavour) in every_model() {
        let (model, parameters) = build(kind, flavour);
        let file = decoded(&bytes(kind, &*model, &parameters));
        assert_eq!((file.ir_version(), file.producer_name()), (8, "lenet"));
        assert_eq!(file.producer_version(), env!("CARGO_PKG_VERSION"));
        let [opset] = &file.opset_import[..] else {
            panic!("one opset, not {:?}", file.opset_import)
        };
        assert_eq!((opset.domain(), opset.version()), ("", 17));
        assert_eq!(file.metadata_props[0].key(), "model");
        assert_eq!(file.metadata_props[0].value(), kind.name());

        let graph = file.graph.unwrap();
        let [(from, taken), (to, given)] = [&graph.input, &graph.output].map(|values| {
            assert_eq!(values.len(), 1);
            (values[0].name(), axes(&values[0]))
        });
        assert_eq!((from, to), ("image", "logits"), "{kind}");
        assert_eq!(taken, ["N", "1", "28", "28"], "{kind}");
        assert_eq!(given, ["N", "10"], "{kind}");

        let initializers = graph.initializer.iter();
        let initializers: Vec<&str> = initializers.map(|tensor| tensor.name()).collect();
        let entries = parameters.entries();
        let expected = entries.iter().map(|entry| entry.name.as_str());
        let expected: Vec<&str> = expected.filter(|n| !n.ends_with("tracked")).collect();
        assert_eq!(sorted(initializers), sorted(expected), "{kind}");

        let nodes = graph.node.iter().map(|node| node.name());
        let nodes: Vec<&str> = nodes.filter(|name| !name.starts_with("image.")).collect();
        let layers = model.layers().iter();
        let layers: Vec<&str> = layers
            .filter(|layer| !layer.layer.starts_with("Dropout"))
            .map(|layer| layer.name.as_str())
            .collect();
        assert_eq!(nodes, layers, "{kind}: a node a layer, under its name");
    }
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

#[test]
fn the_same_weights_give_the_same_bytes() {
    for (kind, flavour) in every_model() {
        let [first, second] = [(), ()].map(|()| {
            let (model, parameters) = build(kind, flavour);
            bytes(kind, &*model, &parameters)
        });
        assert!(first == second, "{kind}");
    }
}

#[test]
fn anyone_elses_layer_is_refused_by_name() {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let fc = candle_nn::linear(4, 3, parameters.builder().pp("fc")).unwrap();
    let net = Sequential::new(&[1, 2, 2]).add("flatten", Flatten).unwrap();
    let net = net.add_module("fc", fc).unwrap();
    let error = chain(&net, &parameters).unwrap_err();
    assert!(matches!(&error, Error::NoOnnxForm { layer, .. } if layer == "fc"));
    assert!(
        error
            .to_string()
            .starts_with("layer `fc` (Linear) has no form in ONNX"),
        "{error}"
    );
}

#[test]
fn names_that_differ_or_repeat_are_refused() {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let fc = crate::layers::Linear::new(4, 3, parameters.builder().pp("other")).unwrap();
    let net = Sequential::new(&[1, 2, 2]).add("flatten", Flatten).unwrap();
    let error = chain(&net.add("fc", fc).unwrap(), &parameters).unwrap_err();
    assert_eq!(
        error.to_string(),
        "layer `fc`: there is no parameter `fc.weight`: name both alike"
    );

    let trace = Trace::new(&[1, 2, 2]).then("relu", &ReLU).unwrap();
    let trace = trace.then("relu", &ReLU).unwrap();
    let export = Export {
        name: "twice",
        layers: trace.layers(),
        parameters: &parameters,
        input_shape: [1, 2, 2],
        padding: 0,
        normalize: None,
        output: "y",
        properties: &[],
    };
    let twice = export.to_bytes();
    assert!(matches!(twice, Err(Error::DuplicateLayer(name)) if name == "relu"));
}

#[test]
fn a_convolutions_settings_go_with_it() {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let options = Conv2dOptions {
        stride: [2, 1],
        padding: [1, 3],
        dilation: [1, 2],
        groups: 1,
    };
    let vb = parameters.builder().pp("conv");
    let conv = Conv2d::with_options(1, 3, [2, 3], options, vb).unwrap();
    let net = Sequential::new(&[1, 2, 2]).add("conv", conv).unwrap();
    let graph = decoded(&chain(&net, &parameters).unwrap()).graph.unwrap();
    let of = |name: &str| {
        let found = graph.node[0].attribute.iter().find(|a| a.name() == name);
        found.map(|attribute| attribute.ints.clone())
    };
    // ONNX: where each axis begins, then where each ends.
    assert_eq!(of("pads"), Some(vec![1, 3, 1, 3]));
    assert_eq!(of("strides"), Some(vec![2, 1]));
    assert_eq!(of("dilations"), Some(vec![1, 2]));
    let x = uniform(Key::from_seed(4), &[3, 1, 2, 2], DType::F32).unwrap();
    let y = net.forward_t(&x, false).unwrap();
    assert_eq!(values(&run(&graph, &x)), values(&y));
}

#[test]
fn a_chain_that_computes_nothing_is_still_a_graph() {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let drop = Dropout::new(0.5, Key::from_seed(1)).unwrap();
    let net = Sequential::new(&[1, 2, 2]).add("drop", drop).unwrap();
    let graph = decoded(&chain(&net, &parameters).unwrap()).graph.unwrap();
    let x = uniform(Key::from_seed(4), &[3, 1, 2, 2], DType::F32).unwrap();
    assert_eq!(values(&run(&graph, &x)), values(&x));
    assert_eq!(axes(&graph.output[0]), ["N", "1", "2", "2"]);
}
