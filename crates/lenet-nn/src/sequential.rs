//! Layers one after the other, as PyTorch's `nn.Sequential` with names.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};
use candle_nn::ModuleT;
use lenet_tensor::{ShapeError, grad_mode};

use crate::error::Error;
use crate::fuse::Fusion;
use crate::layers::{Foreign, Layer};
use crate::summary::{LayerInfo, Trace};

/// A chain of named layers, checked as it is built.
///
/// ```
/// use candle_core::Device;
/// use lenet_nn::layers::{Conv2d, Flatten, Linear, MaxPool2d, ReLU};
/// use lenet_nn::{Parameters, Sequential};
/// use lenet_tensor::Key;
///
/// let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
/// let vb = parameters.builder();
/// let net = Sequential::new(&[1, 28, 28])
///     .add("conv1", Conv2d::new(1, 6, 5, vb.pp("conv1"))?)?
///     .add("relu1", ReLU)?
///     .add("pool1", MaxPool2d::new(2, 2))?
///     .add("flatten", Flatten)?
///     // Any candle-nn layer, its parameters from the same seeded store.
///     .add_module("fc", candle_nn::linear(6 * 12 * 12, 10, vb.pp("fc"))?)?;
/// assert_eq!(net.output_shape(), [10]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sequential {
    input: Vec<usize>,
    trace: Trace,
    layers: Vec<(String, Box<dyn Layer>)>,
    /// The layers of each operation that runs several.
    fusions: Vec<Range<usize>>,
    /// Whether layers to come may run as one.
    fuse: bool,
}

impl Sequential {
    /// An empty chain for samples of this shape, the batch axis left out.
    pub fn new(input: &[usize]) -> Self {
        Self {
            input: input.to_vec(),
            trace: Trace::new(input),
            layers: Vec::new(),
            fusions: Vec::new(),
            fuse: true,
        }
    }

    /// Runs the layers to come one by one. By itself a chain runs Conv2d, ReLU and
    /// MaxPool2d in a row as one operation, and Linear and ReLU, with the same result
    /// within rounding.
    #[must_use]
    pub fn unfused(mut self) -> Self {
        self.fuse = false;
        self
    }

    /// Appends a layer.
    ///
    /// # Errors
    /// [`Error::Layer`] when it does not fit behind the last one,
    /// [`Error::DuplicateLayer`] when its name is taken.
    pub fn add(mut self, name: &str, layer: impl Layer + 'static) -> crate::Result<Self> {
        if self.layers.iter().any(|(other, _)| other == name) {
            return Err(Error::DuplicateLayer(name.to_owned()));
        }
        self.trace.push(name, &layer)?;
        self.layers.push((name.to_owned(), Box::new(layer)));
        let end = self.layers.len();
        for layers in [2, 3] {
            let Some(start) = end.checked_sub(layers) else {
                continue;
            };
            let range = start..end;
            if self.fuse && self.fusion(&range).is_some() {
                self.fusions.push(range);
                self.trace.fuse_last(layers);
            }
        }
        Ok(self)
    }

    /// Appends any candle module with parameters on the CPU; see [`Foreign`] for
    /// other devices.
    ///
    /// # Errors
    /// As [`Sequential::add`].
    pub fn add_module(
        self,
        name: &str,
        module: impl ModuleT + Send + Sync + 'static,
    ) -> crate::Result<Self> {
        self.add(name, Foreign::new(module, &Device::Cpu))
    }

    /// These layers as one operation, where they are one.
    fn fusion(&self, layers: &Range<usize>) -> Option<Fusion<'_>> {
        Fusion::of(self.layers.get(layers.clone())?)
    }

    /// The shape of one sample's output.
    pub fn output_shape(&self) -> &[usize] {
        self.trace.shape()
    }

    /// The layers in their order.
    pub fn layers(&self) -> &[LayerInfo] {
        self.trace.layers()
    }
}

impl ModuleT for Sequential {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = x.clone();
        let mut at = 0;
        while let Some((name, layer)) = self.layers.get(at) {
            let fused = self.fusions.iter().find(|layers| layers.start == at);
            let (y, layers) = match fused.and_then(|layers| self.fusion(layers)) {
                Some(fusion) => (fusion.forward(&x), fused.map_or(1, Range::len)),
                None => (layer.forward_t(&x, train), 1),
            };
            x = y.map_err(|error| error.context(format!("layer `{name}`")))?;
            at += layers;
            // A foreign layer reads its parameters past the no-grad scope.
            if !grad_mode::is_grad_enabled() {
                x = x.detach();
            }
        }
        Ok(x)
    }
}

impl Layer for Sequential {
    fn describe(&self) -> String {
        "Sequential".to_owned()
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
        if input != self.input {
            return Err(ShapeError::Other {
                op: "sequential",
                expected: format!("input {:?}, for which it was built", self.input),
                got: format!("{input:?}"),
            });
        }
        Ok(self.trace.shape().to_vec())
    }

    fn children(&self) -> &[LayerInfo] {
        self.trace.layers()
    }
}

impl std::fmt::Debug for Sequential {
    /// As PyTorch prints it: a line a layer.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "Sequential(")?;
        for (name, layer) in &self.layers {
            writeln!(f, "  ({name}): {}", layer.describe())?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameters;
    use crate::layers::{Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU};
    use candle_core::DType;
    use lenet_tensor::testing::{assert_close, uniform};
    use lenet_tensor::{Key, no_grad};

    fn parameters() -> Parameters {
        Parameters::new(Key::from_seed(1), &Device::Cpu)
    }

    #[test]
    fn what_does_not_fit_is_refused_when_it_is_added() {
        let parameters = parameters();
        let vb = parameters.builder();
        let error = Sequential::new(&[1, 28, 28])
            .add("conv1", Conv2d::new(3, 6, 5, vb.pp("conv1")).unwrap())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "layer `conv1`: conv2d: input has 1 channels but weight expects 3 (weight [6, 3, 5, 5])"
        );
        let error = Sequential::new(&[1, 28, 28])
            .add("fc", Linear::new(784, 10, vb.pp("fc")).unwrap())
            .unwrap_err();
        assert!(
            error.to_string().contains("put a Flatten before it"),
            "{error}"
        );
        let error = Sequential::new(&[1, 3, 3])
            .add("pool", MaxPool2d::new(4, 4))
            .unwrap_err();
        assert!(
            error.to_string().contains("does not fit the height of 3"),
            "{error}"
        );
        let twice = Sequential::new(&[4])
            .add("a", Flatten)
            .unwrap()
            .add("a", Flatten);
        assert!(matches!(twice, Err(Error::DuplicateLayer(name)) if name == "a"));
    }

    #[test]
    fn candles_layers_are_checked_too() {
        let parameters = parameters();
        let conv = candle_nn::conv2d(3, 6, 5, Default::default(), parameters.builder()).unwrap();
        let error = Sequential::new(&[1, 28, 28])
            .add_module("conv1", conv)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("layer `conv1`: module: expected an input that Conv2d takes"),
            "{error}"
        );
    }

    #[test]
    fn no_graph_is_kept_without_gradients_even_through_candles_layers() {
        let parameters = parameters();
        let linear = candle_nn::linear(4, 2, parameters.builder()).unwrap();
        let net = Sequential::new(&[4]).add_module("fc", linear).unwrap();
        let x = Tensor::ones((1, 4), DType::F32, &Device::Cpu).unwrap();
        assert!(net.forward_t(&x, false).unwrap().track_op());
        assert!(!no_grad(|| net.forward_t(&x, false)).unwrap().track_op());
    }

    #[test]
    fn layers_that_fuse_give_what_they_give_one_by_one() {
        let parameters = parameters();
        let vb = parameters.builder();
        let chain = |net: Sequential| {
            let net = net.add("conv", Conv2d::new(1, 3, 5, vb.pp("conv")).unwrap());
            let net = net.unwrap().add("relu", ReLU).unwrap();
            let net = net.add("pool", MaxPool2d::new(2, 2)).unwrap();
            let net = net.add("flatten", Flatten).unwrap();
            let net = net.add("fc", Linear::new(75, 4, vb.pp("fc")).unwrap());
            net.unwrap().add("relu2", ReLU).unwrap()
        };
        let fused = chain(Sequential::new(&[1, 14, 14]));
        let single = chain(Sequential::new(&[1, 14, 14]).unfused());
        let into = |net: &Sequential| -> Vec<Option<String>> {
            net.layers()
                .iter()
                .map(|layer| layer.fused_into.clone())
                .collect()
        };
        let [conv, fc] = ["conv", "fc"].map(|name| Some(name.to_owned()));
        assert_eq!(into(&fused), [None, conv.clone(), conv, None, None, fc]);
        assert_eq!(into(&single), [const { None }; 6]);
        let x = uniform(Key::from_seed(2), &[3, 1, 14, 14], DType::F32).unwrap();
        let run = |net: &Sequential| {
            let y = net.forward_t(&x, true).unwrap();
            let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let weight = &parameters.entries()[0].var;
            (values(&y), values(gradients.get(weight).unwrap()))
        };
        let ((fused_y, fused_dw), (y, dw)) = (run(&fused), run(&single));
        // 25 products up to 1, and 75 of those, in another order.
        assert_close(&fused_y, &y, 1e-5);
        assert_close(&fused_dw, &dw, 1e-5);
    }

    #[test]
    fn what_the_summary_says_runs_as_one_does() {
        let parameters = parameters();
        let vb = parameters.builder();
        let chain = |name: &str| {
            let linear = Linear::new(4, 4, vb.pp(name)).unwrap();
            let net = Sequential::new(&[4]).add(name, linear);
            net.unwrap().add("relu", ReLU).unwrap()
        };
        let runs = |net: &Sequential| {
            let marked = net.layers().iter().filter(|l| l.fused_into.is_some());
            (net.fusions.len(), marked.count())
        };
        assert_eq!(runs(&chain("a")), (1, 1));
        // The layers that were there before run as they did.
        let net = chain("b").unfused();
        assert_eq!(runs(&net), (1, 1));
        let net = net.add("fc", Linear::new(4, 4, vb.pp("c")).unwrap());
        let net = net.unwrap().add("relu2", ReLU).unwrap();
        assert_eq!(runs(&net), (1, 1));
    }

    #[test]
    fn a_chain_within_a_chain_keeps_its_names() {
        let block = Sequential::new(&[4])
            .add("drop", Dropout::new(0.5, Key::from_seed(1)).unwrap())
            .unwrap();
        let net = Sequential::new(&[2, 2])
            .add("flatten", Flatten)
            .unwrap()
            .add("block", block)
            .unwrap();
        let names: Vec<&str> = net
            .layers()
            .iter()
            .map(|layer| layer.name.as_str())
            .collect();
        assert_eq!(names, ["flatten", "block.drop"]);
        assert_eq!(
            format!("{net:?}"),
            "Sequential(\n  (flatten): Flatten\n  (block): Sequential\n)"
        );
    }
}
