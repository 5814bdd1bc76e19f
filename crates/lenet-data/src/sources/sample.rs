//! The built-in sample: 10,000 of MNIST's training digits, cut into 8,500 to
//! train on and 1,500 to test on. `sample/README.md` says where they are from.

use std::path::Path;

use crate::dataset::{Dataset, Origin};
use crate::error::Result;
use crate::idx::IdxFile;
use crate::mnist::Part;
use crate::name::DatasetName;

pub(super) fn load() -> Result<Dataset> {
    let [a, b, c, d] = Part::ALL;
    let files = [read(a)?, read(b)?, read(c)?, read(d)?];
    Dataset::new(DatasetName::Sample, Origin::BuiltIn, files)
}

fn read(part: Part) -> Result<IdxFile> {
    let packed: &[u8] = match part {
        Part::TrainImages => include_bytes!("../../sample/train-images-idx3-ubyte.gz"),
        Part::TrainLabels => include_bytes!("../../sample/train-labels-idx1-ubyte.gz"),
        Part::TestImages => include_bytes!("../../sample/t10k-images-idx3-ubyte.gz"),
        Part::TestLabels => include_bytes!("../../sample/t10k-labels-idx1-ubyte.gz"),
    };
    let path = Path::new("built-in sample").join(part.file());
    IdxFile::read(part.kind(), &path, packed, packed.len() as u64)
}
