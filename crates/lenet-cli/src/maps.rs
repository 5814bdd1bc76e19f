//! Which layers' maps are worth a look, what they are called, and how they become grey.

use anyhow::Context;
use candle_core::Tensor;
use lenet_nn::operator::Operator;
use lenet_nn::summary::LayerInfo;

/// Layers whose maps are looked at together: a convolution with what follows it up to the
/// next of its kind or a pool, so with its BatchNorm and activation; or a pool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// As LeCun 1998 counts, C for a convolution and S for a pool: C1, S2, C3, S4.
    pub(crate) title: String,
    /// The layers, the last of them the one whose output is shown.
    pub(crate) layers: Vec<String>,
    /// Maps, rows, columns.
    pub(crate) shape: [usize; 3],
}

impl Shown {
    /// The layer whose output is shown.
    pub(crate) fn name(&self) -> &str {
        self.layers.last().map_or("", String::as_str)
    }

    /// Its maps, `[N, C, H, W]`, among what each layer gave.
    pub(crate) fn maps<'a>(&self, outputs: &'a [(String, Tensor)]) -> anyhow::Result<&'a Tensor> {
        let mut outputs = outputs.iter();
        let found = outputs.find(|(name, _)| name == self.name());
        let (_, maps) = found.with_context(|| format!("no output of {}", self.name()))?;
        Ok(maps)
    }
}

/// What is shown of a network, in the order of its layers.
pub(crate) fn shown(layers: &[LayerInfo]) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    for layer in layers {
        let [channels, height, width] = layer.output_shape[..] else {
            break;
        };
        let letter = match layer.operator {
            Operator::Conv2d(_) => Some('C'),
            Operator::MaxPool2d { .. } | Operator::AvgPool2d { .. } => Some('S'),
            // Dropout does nothing here.
            Operator::Identity => continue,
            _ => None,
        };
        let (name, shape) = (layer.name.clone(), [channels, height, width]);
        match (letter, shown.last_mut()) {
            (Some(letter), _) => shown.push(Shown {
                title: format!("{letter}{}", shown.len() + 1),
                layers: vec![name],
                shape,
            }),
            (None, Some(last)) => {
                last.layers.push(name);
                last.shape = shape;
            }
            (None, None) => {}
        }
    }
    shown
}

/// A layer's values as grey: its smallest is 0, its largest 255, the same for all of its
/// maps, so that a weak map looks weak. Where all are alike, all are 0.
pub(crate) fn bytes(values: &[f32]) -> Vec<u8> {
    let ends = (f32::INFINITY, f32::NEG_INFINITY);
    let (low, high) = (values.iter()).fold(ends, |(low, high), &v| (low.min(v), high.max(v)));
    // In f64 the range of any two f32 is finite.
    let (low, range) = (f64::from(low), f64::from(high) - f64::from(low));
    let grey = |value: &f32| {
        let share = (f64::from(*value) - low) / range;
        if range > 0.0 {
            (255.0 * share).round() as u8
        } else {
            0
        }
    };
    values.iter().map(grey).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use lenet_nn::{ModelKind, Parameters};
    use lenet_tensor::Key;

    use super::*;

    fn shown_of(kind: ModelKind) -> Vec<Shown> {
        let parameters = Parameters::new(Key::from_seed(0), &Device::Cpu);
        let model = kind.build(Default::default(), &parameters).unwrap();
        shown(model.layers())
    }

    #[test]
    fn lenet5_shows_what_the_paper_names() {
        let layer = |title: &str, layers: &[&str], shape| Shown {
            title: title.to_owned(),
            layers: layers.iter().map(|&name| name.to_owned()).collect(),
            shape,
        };
        let expected = [
            layer("C1", &["conv1", "relu1"], [6, 24, 24]),
            layer("S2", &["pool1"], [6, 12, 12]),
            layer("C3", &["conv2", "relu2"], [16, 8, 8]),
            layer("S4", &["pool2"], [16, 4, 4]),
        ];
        let shown = shown_of(ModelKind::Lenet5);
        assert_eq!(shown, expected);
        assert_eq!(shown[0].name(), "relu1");
    }

    #[test]
    fn each_network_shows_its_convolutions_and_pools() {
        for kind in ModelKind::ALL {
            let shown = shown_of(kind);
            let titles: Vec<&str> = shown.iter().map(|layer| layer.title.as_str()).collect();
            if kind == ModelKind::Lenet5Plus {
                assert_eq!(titles, ["C1", "C2", "S3", "C4", "C5", "S6"]);
                let second = ["block1.conv2", "block1.norm2", "block1.relu2"];
                assert_eq!(shown[1].layers, second);
                assert_eq!(shown[2].layers, ["block1.pool"]);
            } else {
                assert_eq!(titles, ["C1", "S2", "C3", "S4"], "{kind}");
            }
        }
    }

    #[test]
    fn grey_spans_the_layer() {
        assert_eq!(bytes(&[-1.0, 0.0, 1.0, 0.6]), [0, 128, 255, 204]);
        assert_eq!(bytes(&[7.5; 3]), [0; 3]);
        assert_eq!(bytes(&[f32::MIN, f32::MAX]), [0, 255]);
        assert!(bytes(&[]).is_empty());
    }
}
