//! From layers to nodes: one node a layer, none for what computes nothing.

use super::proto::{
    AttributeProto, DimensionProto, FLOAT, FLOAT32, GraphProto, INT, INTS, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use super::{BATCH, Export, INPUT};
use crate::error::{Error, Result};
use crate::layers::BatchNorm2d;
use crate::operator::Operator;
use crate::params::Entry;
use crate::summary::LayerInfo;
use crate::weights::bytes_of;

pub(super) fn build(export: &Export<'_>) -> Result<GraphProto> {
    let mut chain = Chain {
        entries: export.parameters.entries(),
        graph: GraphProto {
            name: Some(export.name.to_owned()),
            input: vec![value(INPUT, &export.input_shape)],
            ..GraphProto::default()
        },
        at: INPUT.to_owned(),
        shape: export.input_shape.to_vec(),
    };
    chain.prepare(export);
    for layer in export.layers {
        chain.layer(layer)?;
    }
    Ok(chain.end(export.output))
}

/// A graph in which each node takes what the one before it makes.
struct Chain {
    entries: Vec<Entry>,
    graph: GraphProto,
    /// The value behind the last node.
    at: String,
    /// Its shape without the batch axis.
    shape: Vec<usize>,
}

impl Chain {
    /// From an image in [0, 1] to what the first layer takes, with the arithmetic of
    /// training: f32, black pixels first.
    fn prepare(&mut self, export: &Export<'_>) {
        if export.padding > 0 {
            let p = export.padding as i64;
            self.constant("image.pads", ints("value_ints", &[0, 0, p, p, 0, 0, p, p]));
            let [channels, height, width] = export.input_shape;
            let (height, width) = (height + 2 * export.padding, width + 2 * export.padding);
            let shape = [channels, height, width];
            self.node("image.padded", "Pad", &["image.pads"], Vec::new(), &shape);
        }
        if let Some((mean, std)) = export.normalize {
            let shape = self.shape.clone();
            self.constant("image.mean", float("value_float", mean as f32));
            self.node("image.centred", "Sub", &["image.mean"], Vec::new(), &shape);
            self.constant("image.std", float("value_float", std as f32));
            let name = "image.normalized";
            self.node(name, "Div", &["image.std"], Vec::new(), &shape);
        }
    }

    fn layer(&mut self, layer: &LayerInfo) -> Result<()> {
        let is_same = |node: &NodeProto| node.name() == layer.name;
        if self.graph.node.iter().any(is_same) {
            return Err(Error::DuplicateLayer(layer.name.clone()));
        }
        let pooling = |kernel: &[usize; 2], stride: &[usize; 2]| {
            vec![sizes("kernel_shape", kernel), sizes("strides", stride)]
        };
        let (op, parameters, attributes): (_, &[&str], _) = match &layer.operator {
            Operator::Conv2d(options) => {
                let [down, right] = options.padding;
                let attributes = vec![
                    sizes("dilations", &options.dilation),
                    int("group", options.groups as i64),
                    sizes("pads", &[down, right, down, right]),
                    sizes("strides", &options.stride),
                ];
                ("Conv", &["weight", "bias"], attributes)
            }
            Operator::Linear => ("Gemm", &["weight", "bias"], vec![int("transB", 1)]),
            Operator::BatchNorm2d => (
                "BatchNormalization",
                &["weight", "bias", "running_mean", "running_var"],
                vec![float("epsilon", BatchNorm2d::EPS as f32)],
            ),
            Operator::MaxPool2d { kernel, stride } => ("MaxPool", &[], pooling(kernel, stride)),
            Operator::AvgPool2d { kernel, stride } => ("AveragePool", &[], pooling(kernel, stride)),
            Operator::ReLU => ("Relu", &[], Vec::new()),
            Operator::Tanh => ("Tanh", &[], Vec::new()),
            Operator::LogSoftmax => ("LogSoftmax", &[], vec![int("axis", -1)]),
            Operator::Flatten => ("Flatten", &[], vec![int("axis", 1)]),
            Operator::Identity => return Ok(()),
            Operator::Unknown => {
                return Err(Error::NoOnnxForm {
                    layer: layer.name.clone(),
                    kind: layer.layer.clone(),
                });
            }
        };
        let mut names = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            names.push(self.parameter(&layer.name, parameter)?);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.node(&layer.name, op, &names, attributes, &layer.output_shape);
        Ok(())
    }

    /// The full name of a layer's parameter, which is an initializer from here on.
    fn parameter(&mut self, layer: &str, parameter: &str) -> Result<String> {
        let name = format!("{layer}.{parameter}");
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Err(Error::NoParameter {
                layer: layer.to_owned(),
                parameter: name,
            });
        };
        self.graph.initializer.push(TensorProto {
            dims: entry.var.dims().iter().map(|&size| size as i64).collect(),
            data_type: Some(FLOAT32),
            name: Some(name.clone()),
            raw_data: Some(bytes_of(&entry.var)?),
        });
        Ok(name)
    }

    fn node(
        &mut self,
        name: &str,
        op: &str,
        more: &[&str],
        attribute: Vec<AttributeProto>,
        shape: &[usize],
    ) {
        // A layer may be called as the graph's input is: its value is not.
        let output = format!("{name}.output");
        let mut input = vec![std::mem::replace(&mut self.at, output.clone())];
        input.extend(more.iter().map(|&name| name.to_owned()));
        self.graph.value_info.push(value(&output, shape));
        self.graph.node.push(NodeProto {
            input,
            output: vec![output],
            name: Some(name.to_owned()),
            op_type: Some(op.to_owned()),
            attribute,
        });
        shape.clone_into(&mut self.shape);
    }

    fn constant(&mut self, name: &str, attribute: AttributeProto) {
        self.graph.node.push(NodeProto {
            output: vec![name.to_owned()],
            name: Some(name.to_owned()),
            op_type: Some("Constant".to_owned()),
            attribute: vec![attribute],
            ..NodeProto::default()
        });
    }

    /// The last value is the graph's output and has its name.
    fn end(mut self, output: &str) -> GraphProto {
        if self.graph.node.is_empty() {
            let shape = self.shape.clone();
            self.node("identity", "Identity", &[], Vec::new(), &shape);
        }
        if let Some(last) = self.graph.node.last_mut() {
            last.output = vec![output.to_owned()];
        }
        self.graph.value_info.pop();
        self.graph.output = vec![value(output, &self.shape)];
        self.graph
    }
}

/// An f32 tensor with a batch axis of any size before `shape`.
fn value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let batch = DimensionProto {
        dim_param: Some(BATCH.to_owned()),
        dim_value: None,
    };
    let axes = shape.iter().map(|&size| DimensionProto {
        dim_value: Some(size as i64),
        dim_param: None,
    });
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: Some(FLOAT32),
                shape: Some(TensorShapeProto {
                    dim: std::iter::once(batch).chain(axes).collect(),
                }),
            }),
        }),
    }
}

fn attribute(name: &str, r#type: i32) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(r#type),
        ..AttributeProto::default()
    }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..attribute(name, FLOAT)
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..attribute(name, INT)
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..attribute(name, INTS)
    }
}

fn sizes(name: &str, values: &[usize]) -> AttributeProto {
    let values: Vec<i64> = values.iter().map(|&size| size as i64).collect();
    ints(name, &values)
}
