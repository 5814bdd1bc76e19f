//! Which layers' maps are worth a look, what they are called, and how they become grey.

use lenet_nn::operator::Operator;
use lenet_nn::summary::LayerInfo;

/// A layer whose maps are shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The layer's name.
    pub(crate) name: String,
    /// What people call it.
    pub(crate) title: String,
    /// Maps, rows, columns.
    pub(crate) shape: [usize; 3],
}

/// What each convolution comes to before the next operation of its kind or a pool, so
/// with its BatchNorm and activation, and each pool.
///
/// Two of each, in turn, are LeNet-5's C1, S2, C3 and S4 (LeCun 1998); in any other
/// network the title is the layer's name.
pub(crate) fn shown(layers: &[LayerInfo]) -> Vec<Shown> {
    let mut shown: Vec<(Shown, bool)> = Vec::new();
    for layer in layers {
        let [channels, height, width] = layer.output_shape[..] else {
            continue;
        };
        let is_pool = match layer.operator {
            Operator::MaxPool2d { .. } | Operator::AvgPool2d { .. } => true,
            Operator::Identity => continue,
            Operator::Conv2d(_) => false,
            // It goes on with what the convolution or the pool before it gave.
            _ => match shown.pop() {
                Some((_, is_pool)) => is_pool,
                None => continue,
            },
        };
        let name = layer.name.clone();
        let layer = Shown {
            title: name.clone(),
            name,
            shape: [channels, height, width],
        };
        shown.push((layer, is_pool));
    }
    let kinds: Vec<bool> = shown.iter().map(|(_, is_pool)| *is_pool).collect();
    let mut shown: Vec<Shown> = shown.into_iter().map(|(layer, _)| layer).collect();
    if kinds == [false, true, false, true] {
        for (layer, title) in shown.iter_mut().zip(["C1", "S2", "C3", "S4"]) {
            layer.title = title.to_owned();
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
        let layer = |name: &str, title: &str, shape| Shown {
            name: name.to_owned(),
            title: title.to_owned(),
            shape,
        };
        let expected = [
            layer("relu1", "C1", [6, 24, 24]),
            layer("pool1", "S2", [6, 12, 12]),
            layer("relu2", "C3", [16, 8, 8]),
            layer("pool2", "S4", [16, 4, 4]),
        ];
        assert_eq!(shown_of(ModelKind::Lenet5), expected);
    }

    #[test]
    fn each_network_shows_its_convolutions_and_pools() {
        for kind in ModelKind::ALL {
            let shown = shown_of(kind);
            let titles: Vec<&str> = shown.iter().map(|layer| layer.title.as_str()).collect();
            if kind == ModelKind::Lenet5Plus {
                let block =
                    |n: u8| ["relu1", "relu2", "pool"].map(|name| format!("block{n}.{name}"));
                assert_eq!(titles, [block(1), block(2)].concat());
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
