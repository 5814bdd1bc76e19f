//! What was put down is taken up to the bit, or refused.

use std::fs;

use candle_core::Device;
use proptest::prelude::*;

use super::*;
use crate::error::Error;

fn checkpoint(step: u64) -> Checkpoint {
    let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
    Checkpoint {
        state: State {
            origin: Origin {
                settings: "lr = 0.1\n".to_owned(),
                identity: BTreeMap::from([("model".to_owned(), "lenet5".to_owned())]),
            },
            step,
            epoch: 2,
            batch: 3,
            tally: Tally {
                // No short decimal: only an exact way through JSON keeps it.
                loss_sum: 0.1 + 0.2 + f64::EPSILON,
                correct: 5,
                samples: 12,
            },
            seconds: 1.25,
            epochs: Vec::new(),
            best: Some(BestEpoch {
                epoch: 1,
                correct: 7,
                loss: std::f64::consts::LN_2,
            }),
        },
        tensors: BTreeMap::from([
            ((Part::Model, "a.weight".to_owned()), tensor(&[1.0, -0.0])),
            (
                (Part::Optimizer, "a.weight.exp_avg".to_owned()),
                tensor(&[1e-40]),
            ),
            (
                (Part::Best, "n".to_owned()),
                Tensor::new(0.1f64, &Device::Cpu).unwrap(),
            ),
        ]),
    }
}

/// All that two checkpoints hold, comparable to the bit.
fn contents(checkpoint: &Checkpoint) -> (State, Vec<String>) {
    let tensors = checkpoint.tensors.iter().map(|(key, tensor)| {
        let bits: Vec<u64> = match tensor.dtype() {
            candle_core::DType::F64 => {
                let values = tensor.flatten_all().unwrap().to_vec1::<f64>().unwrap();
                values.iter().map(|v| v.to_bits()).collect()
            }
            _ => {
                let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                values.iter().map(|v| v.to_bits().into()).collect()
            }
        };
        format!("{key:?} {:?} {bits:?}", tensor.dims())
    });
    (checkpoint.state.clone(), tensors.collect())
}

#[test]
fn a_file_holds_every_bit() {
    let bytes = file::to_bytes(&checkpoint(7)).unwrap();
    let back = file::from_bytes(&bytes).unwrap();
    assert_eq!(contents(&back), contents(&checkpoint(7)));
    let names: Vec<&str> = back.part(Part::Model).map(|(name, _)| name).collect();
    assert_eq!(names, ["a.weight"]);
}

#[test]
fn two_are_kept_and_a_damaged_one_falls_back() {
    let root = tempfile::tempdir().unwrap();
    let store = Checkpoints::new(&root.path().join("checkpoints/last"));
    assert!(!store.exist() && store.load().is_err());
    for step in 1..=3 {
        store.save(&checkpoint(step)).unwrap();
    }
    assert_eq!(fs::read_dir(store.folder()).unwrap().count(), 2);
    let loaded = store.load().unwrap();
    assert_eq!((loaded.checkpoint.state.step, loaded.fell_back), (3, None));

    let last = store.folder().join("checkpoint.safetensors");
    fs::write(&last, b"not a checkpoint").unwrap();
    let loaded = store.load().unwrap();
    assert_eq!(loaded.checkpoint.state.step, 2);
    assert!(loaded.fell_back.unwrap().contains("checkpoint.safetensors"));
    // The next one replaces the damaged one and not the good one before it.
    store.save(&checkpoint(4)).unwrap();
    fs::write(&last, b"not a checkpoint").unwrap();
    assert_eq!(store.load().unwrap().checkpoint.state.step, 2);
    // A new run does not fall back to one that was there before.
    Checkpoints::new(store.folder())
        .save(&checkpoint(9))
        .unwrap();
    assert_eq!(fs::read_dir(store.folder()).unwrap().count(), 1);
    assert_eq!(store.load().unwrap().checkpoint.state.step, 9);
    store.save(&checkpoint(2)).unwrap();
    store.save(&checkpoint(3)).unwrap();
    // A crash between the two renames leaves the one before alone.
    fs::remove_file(&last).unwrap();
    assert_eq!(store.load().unwrap().checkpoint.state.step, 2);

    fs::write(store.folder().join("previous.safetensors"), b"").unwrap();
    let Err(Error::Checkpoint { path, .. }) = store.load() else {
        panic!("two broken files were read");
    };
    assert_eq!(path, last);
}

#[test]
fn every_difference_is_told() {
    let origin = checkpoint(1).state.origin;
    assert!(origin.differences(&origin.identity).is_empty());
    let other = [("model", "convnet"), ("seed", "2")];
    let other = other.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(
        origin.differences(&other),
        ["model was lenet5, is convnet", "seed was unset, is 2"]
    );
}

proptest! {
    #[test]
    fn no_changed_byte_goes_unseen(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let bytes = file::to_bytes(&checkpoint(7)).unwrap();
        let mut changed = bytes.clone();
        changed[at.index(bytes.len())] ^= flip;
        // A name may take another form that means the same (an escape in the JSON); the
        // contents may not.
        if let Ok(read) = file::from_bytes(&changed) {
            prop_assert_eq!(contents(&read), contents(&checkpoint(7)));
        }
        let cut = at.index(bytes.len());
        prop_assert!(file::from_bytes(&bytes[..cut]).is_err());
    }

    #[test]
    fn any_bytes_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(file::from_bytes(&bytes).is_err());
    }
}
