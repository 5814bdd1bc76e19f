//! The network in the program: LeNet-5, trained by the recipe `augmented`, so that
//! digits can be read without training. `docs/results.md` says how it was made and what
//! it reaches.

use lenet_nn::weights::WeightsFile;

/// Its file.
const WEIGHTS: &[u8] = include_bytes!("../weights/lenet5.safetensors");

/// What it is called where a file's name would stand.
const NAME: &str = "the weights in the program";

/// The weights, as from a file.
pub(crate) fn weights() -> WeightsFile {
    WeightsFile::from_bytes(NAME.as_ref(), WEIGHTS.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use lenet_nn::{ModelKind, Parameters};
    use lenet_tensor::Key;

    #[test]
    fn the_weights_fit_and_say_what_they_are() {
        let metadata = weights().metadata().unwrap().unwrap();
        assert_eq!(
            (metadata.model.as_str(), metadata.dataset.as_str()),
            ("lenet5", "mnist")
        );
        assert!(metadata.test_accuracy.unwrap() > 0.99);
        let parameters = Parameters::new(Key::from_seed(0), &Device::Cpu);
        ModelKind::Lenet5
            .build(Default::default(), &parameters)
            .unwrap();
        weights().load(&parameters).unwrap();
    }
}
