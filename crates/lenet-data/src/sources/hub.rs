//! The Hugging Face Hub through candle-datasets, whose pictures are turned back
//! into IDX files, checked by hash like all others.
//!
//! candle-datasets has no time-outs and no way to look at its progress, so it
//! runs on a thread of its own that is waited for so long and no longer.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use candle_core::{DType, Tensor};
use candle_datasets::vision::{self, Dataset};

use super::obtain::Remote;
use super::{Watcher, download};
use crate::idx::{self, IdxFile};
use crate::mnist::{Kind, Part, Published};
use crate::name::DatasetName;

/// How long 15 MB and 70,000 pictures may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The Hub, as a place that has one data set.
pub(super) struct Hub {
    name: DatasetName,
    /// What was got: all four files come at once, and each is given out once.
    got: Option<Result<[Option<IdxFile>; 4], String>>,
}

impl Hub {
    pub(super) fn of(name: DatasetName) -> Self {
        Self { name, got: None }
    }
}

impl Remote for Hub {
    fn fetch(
        &mut self,
        set: &Published,
        part: Part,
        watcher: &mut dyn Watcher,
    ) -> Result<(IdxFile, String), String> {
        let got = self.got.get_or_insert_with(|| get(self.name, watcher));
        let address = address();
        let file = got.as_mut().map_err(|why| format!("{address}: {why}"))?[part as usize].take();
        let file = file.ok_or_else(|| format!("{address}: {} was taken before", part.file()))?;
        set.check(part, &file).map_err(|error| error.to_string())?;
        Ok((file, address))
    }
}

/// The Hub's address, as its own client reads it from the environment.
fn address() -> String {
    let named = std::env::var("HF_ENDPOINT")
        .ok()
        .filter(|named| !named.is_empty());
    named.unwrap_or_else(|| "https://huggingface.co".to_owned())
}

fn get(name: DatasetName, watcher: &mut dyn Watcher) -> Result<[Option<IdxFile>; 4], String> {
    let load = match name {
        DatasetName::Mnist => vision::mnist::load,
        DatasetName::FashionMnist => vision::fashion_mnist::load,
        DatasetName::Sample | DatasetName::Idx => return Err("has no such data set".to_owned()),
    };
    download::answers(&address())?;
    watcher.download_started(&format!("{name} from the Hub"), None);
    let (sender, receiver) = mpsc::channel();
    // A panic in there drops the sender, and so is noticed here.
    thread::spawn(move || sender.send(load().map_err(|error| error.to_string())));
    let loaded = receiver.recv_timeout(PATIENCE);
    watcher.download_finished();
    let loaded = loaded.map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => "timed out".to_owned(),
        mpsc::RecvTimeoutError::Disconnected => "the data could not be decoded".to_owned(),
    })??;
    let [a, b, c, d] = encode(&loaded).map_err(|error| error.to_string())?;
    Ok([Some(a), Some(b), Some(c), Some(d)])
}

/// The data set as the four IDX files it was made from.
fn encode(data: &Dataset) -> Result<[IdxFile; 4], Box<dyn std::error::Error>> {
    let [a, b, c, d] = Part::ALL;
    Ok([
        encode_part(a, &data.train_images)?,
        encode_part(b, &data.train_labels)?,
        encode_part(c, &data.test_images)?,
        encode_part(d, &data.test_labels)?,
    ])
}

fn encode_part(part: Part, tensor: &Tensor) -> Result<IdxFile, Box<dyn std::error::Error>> {
    let mut file = Vec::new();
    match part.kind() {
        Kind::Images => {
            // candle-datasets gives byte/255 in f32: rounding finds the byte.
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let pixels: Vec<u8> = values
                .iter()
                .map(|&value| (255.0 * value).round() as u8)
                .collect();
            idx::write_images(&mut file, &pixels)?;
        }
        Kind::Labels => {
            let labels = tensor.to_dtype(DType::U8)?.to_vec1::<u8>()?;
            idx::write_labels(&mut file, &labels)?;
        }
    }
    let path = Path::new("Hub").join(part.file());
    Ok(IdxFile::read(
        part.kind(),
        &path,
        file.as_slice(),
        file.len() as u64,
    )?)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::split::Split;

    /// candle-datasets reads the files that ours writes as ours reads them, and
    /// what it read becomes the same files again.
    #[test]
    fn candles_reader_and_ours_agree() {
        let ours = sample::load().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let write = |part: Part, split: &Split| {
            let mut file = Vec::new();
            match part.kind() {
                Kind::Images => idx::write_images(&mut file, split.images()).unwrap(),
                Kind::Labels => idx::write_labels(&mut file, split.labels()).unwrap(),
            }
            std::fs::write(dir.path().join(part.file()), &file).unwrap();
            file
        };
        let [a, b, c, d] = Part::ALL;
        let written = [
            write(a, &ours.train),
            write(b, &ours.train),
            write(c, &ours.test),
            write(d, &ours.test),
        ];

        let candles = vision::mnist::load_dir(dir.path()).unwrap();
        for (split, images, labels) in [
            (&ours.train, &candles.train_images, &candles.train_labels),
            (&ours.test, &candles.test_images, &candles.test_labels),
        ] {
            let images = images.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            // candle multiplies by 1/255 where torchvision, and ours, divides:
            // one unit in the last place of values up to 1.
            let plain = crate::Transform::default().apply(split.images()).unwrap();
            assert_eq!(images.len(), plain.len());
            assert!(
                images
                    .iter()
                    .zip(&plain)
                    .all(|(a, b)| (a - b).abs() <= f32::EPSILON)
            );
            assert_eq!(labels.to_vec1::<u8>().unwrap(), split.labels());
        }
        for (file, written) in encode(&candles).unwrap().iter().zip(&written) {
            assert_eq!(file.sum, crate::hash::Sum::of(&[written]));
        }
    }

    #[test]
    fn a_set_that_the_hub_lacks_is_told_without_asking() {
        let why = get(DatasetName::Idx, &mut ()).unwrap_err();
        assert_eq!(why, "has no such data set");
    }
}
