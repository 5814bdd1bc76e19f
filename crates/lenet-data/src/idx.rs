//! IDX, the format of MNIST's files, read and written.
//!
//! A file is a big-endian magic number (2051 for images, 2049 for labels), the
//! number of items, for images rows and columns, and then one byte a pixel or a
//! label: <http://yann.lecun.com/exdb/mnist/>.
//!
//! A header is believed only after it is checked against the real size of its
//! file, so no file makes the reader take more memory than it has bytes. gzip
//! is told by its first bytes, whatever the file is called.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Fault, Result};
use crate::hash::Sum;
use crate::mnist::{CLASSES, Kind, PIXELS, SIDE};

/// The most that is unpacked from gzip: 1.3 million images, twenty times MNIST.
const MAX_UNPACKED: u64 = 1 << 30;
/// deflate's best ratio (zlib's technical notes: 1032:1); it tells how much
/// room a packed file may need at the very most.
const MAX_RATIO: u64 = 1032;

/// Reads the pixels of an image file, `[n, 28, 28]` bytes, packed or not.
///
/// # Errors
/// [`Error::File`] if it is not an image file of 28×28, whole and nothing more.
pub fn read_images(path: &Path) -> Result<Vec<u8>> {
    IdxFile::open(Kind::Images, path).map(|file| file.bytes)
}

/// Reads a label file, `[n]` bytes of 0 to 9, packed or not.
///
/// # Errors
/// [`Error::File`] if it is not a label file, whole and nothing more.
pub fn read_labels(path: &Path) -> Result<Vec<u8>> {
    IdxFile::open(Kind::Labels, path).map(|file| file.bytes)
}

/// Writes an image file of `images`, `[n, 28, 28]` bytes.
///
/// # Errors
/// Those of `out`, and `InvalidInput` if `images` are not whole images or more
/// than an IDX header can count.
pub fn write_images(mut out: impl Write, images: &[u8]) -> io::Result<()> {
    if !images.len().is_multiple_of(PIXELS) {
        let error = Error::Pixels {
            bytes: images.len(),
        };
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    out.write_all(&Kind::Images.header(images.len() / PIXELS)?)?;
    out.write_all(images)
}

/// Writes a label file of `labels`, `[n]` bytes.
///
/// # Errors
/// Those of `out`, and `InvalidInput` if there are more labels than an IDX
/// header can count.
pub fn write_labels(mut out: impl Write, labels: &[u8]) -> io::Result<()> {
    out.write_all(&Kind::Labels.header(labels.len())?)?;
    out.write_all(labels)
}

impl Kind {
    fn magic(self) -> u32 {
        match self {
            Self::Images => 2051,
            Self::Labels => 2049,
        }
    }

    fn header_len(self) -> usize {
        match self {
            Self::Images => 16,
            Self::Labels => 8,
        }
    }

    /// Bytes of an item.
    fn item(self) -> usize {
        match self {
            Self::Images => PIXELS,
            Self::Labels => 1,
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Images => "an image file",
            Self::Labels => "a label file",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }

    fn header(self, count: usize) -> io::Result<Vec<u8>> {
        let count = u32::try_from(count)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut header = [self.magic(), count].map(u32::to_be_bytes).concat();
        if self == Self::Images {
            header.extend([SIDE as u32; 2].map(u32::to_be_bytes).concat());
        }
        Ok(header)
    }
}

/// A file that was read and found to be what it should.
#[derive(Debug)]
pub(crate) struct IdxFile {
    /// Where it was read from, for messages.
    pub(crate) path: PathBuf,
    /// What follows the header: `[n, 28, 28]` pixels or `[n]` labels.
    pub(crate) bytes: Vec<u8>,
    /// The hash of the unpacked file, header included.
    pub(crate) sum: Sum,
}

impl IdxFile {
    /// Reads the file at `path`.
    pub(crate) fn open(kind: Kind, path: &Path) -> Result<Self> {
        let named = |fault: Fault| Error::File {
            path: path.to_owned(),
            fault,
        };
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => named(Fault::Missing),
            _ => named(error.into()),
        })?;
        let len = file.metadata().map_err(|error| named(error.into()))?.len();
        Self::read(kind, path, BufReader::with_capacity(1 << 16, file), len)
    }

    /// Reads `source`, which has `len` bytes and is called `path` in messages.
    pub(crate) fn read(kind: Kind, path: &Path, source: impl BufRead, len: u64) -> Result<Self> {
        let (bytes, sum) = read(kind, source, len).map_err(|fault| Error::File {
            path: path.to_owned(),
            fault,
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            sum,
        })
    }
}

/// How long the unpacked file is.
enum Length {
    /// As the system says.
    Known(u64),
    /// Unknown before it is unpacked; this is as much as it can be.
    AtMost(u64),
}

fn read(kind: Kind, mut source: impl BufRead, len: u64) -> Result<(Vec<u8>, Sum), Fault> {
    if source.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        // All members: what follows the first is read too, and so is noticed.
        let unpacked = MultiGzDecoder::new(source);
        let most = len.saturating_mul(MAX_RATIO);
        parse(kind, unpacked, Length::AtMost(most)).map_err(|fault| match fault {
            Fault::Io(error) => unpacking(error),
            fault => fault,
        })
    } else {
        parse(kind, source, Length::Known(len))
    }
}

/// Tells damaged data from a disk that cannot be read.
fn unpacking(error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            Fault::Gzip(error)
        }
        _ => Fault::Io(error),
    }
}

fn parse(kind: Kind, mut source: impl Read, length: Length) -> Result<(Vec<u8>, Sum), Fault> {
    let header = read_header(kind, &mut source)?;
    let word = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_be_bytes(bytes)
    };
    if kind == Kind::Images && (word(8), word(12)) != (SIDE as u32, SIDE as u32) {
        let (rows, columns) = (word(8), word(12));
        return Err(Fault::ImageSize { rows, columns });
    }
    // At most 2^32 items of 784 bytes: no overflow in 64 bits.
    let count = word(4);
    let payload = u64::from(count) * kind.item() as u64;
    let expected = payload + kind.header_len() as u64;
    let room = match length {
        Length::Known(found) if found != expected => {
            return Err(Fault::Length {
                count,
                expected,
                found,
            });
        }
        Length::Known(_) => payload,
        Length::AtMost(_) if expected > MAX_UNPACKED => {
            return Err(Fault::TooLarge {
                expected,
                limit: MAX_UNPACKED,
            });
        }
        Length::AtMost(most) => payload.min(most),
    };

    let mut bytes = Vec::new();
    usize::try_from(room)
        .ok()
        .and_then(|room| bytes.try_reserve_exact(room).ok())
        .ok_or(Fault::Memory(expected))?;
    // One byte more than expected, to see the end, or that there is none.
    source.take(payload + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != payload {
        let found = (kind.header_len() + bytes.len()) as u64;
        return Err(Fault::Length {
            count,
            expected,
            found,
        });
    }
    if kind == Kind::Labels
        && let Some(index) = bytes.iter().position(|&label| label >= CLASSES)
    {
        return Err(Fault::Label {
            label: bytes[index],
            index,
        });
    }
    let sum = Sum::of(&[&header, &bytes]);
    Ok((bytes, sum))
}

/// The header, its magic number checked before its length: a short foreign file
/// is called foreign.
fn read_header(kind: Kind, source: &mut impl Read) -> Result<Vec<u8>, Fault> {
    let mut header = Vec::with_capacity(kind.header_len());
    source
        .take(kind.header_len() as u64)
        .read_to_end(&mut header)?;
    if let Some(start) = header.first_chunk() {
        check_magic(kind, u32::from_be_bytes(*start))?;
    }
    if header.len() < kind.header_len() {
        return Err(Fault::Header {
            found: header.len(),
            expected: kind.header_len(),
        });
    }
    Ok(header)
}

fn check_magic(kind: Kind, found: u32) -> Result<(), Fault> {
    if found == kind.magic() {
        return Ok(());
    }
    let other = match kind {
        Kind::Images => Kind::Labels,
        Kind::Labels => Kind::Images,
    };
    Err(if found == other.magic() {
        Fault::WrongKind {
            found: other.file(),
            found_magic: found,
            expected: kind.plural(),
            magic: kind.magic(),
        }
    } else {
        Fault::Foreign {
            found,
            expected: kind.plural(),
            magic: kind.magic(),
        }
    })
}

#[cfg(test)]
mod tests;
