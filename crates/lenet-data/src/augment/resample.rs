//! An image read at places between its pixels.

use crate::mnist::{PIXELS, SIDE};

/// The middle of an image, between the two middle pixels.
const CENTRE: f32 = (SIDE - 1) as f32 / 2.0;

/// A map of the plane about the middle of the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    /// Turned by this, counter-clockwise as seen.
    pub(super) radians: f32,
    /// Each row moved by this times its height above the middle.
    pub(super) shear: f32,
    /// Along x and y; above 0.
    pub(super) scale: [f32; 2],
    /// To the right and down, in pixels.
    pub(super) shift: [f32; 2],
}

/// For each pixel of the result, from where in the source it is taken: x and y, from
/// the middle of the first pixel.
pub(super) struct Grid {
    pub(super) x: [f32; PIXELS],
    pub(super) y: [f32; PIXELS],
}

impl Grid {
    /// The places that `map` takes to the pixels: its inverse.
    pub(super) fn new(map: &Affine) -> Self {
        let (sin, cos) = map.radians.sin_cos();
        let [wide, high] = map.scale;
        // With y pointing down, forward is turn · shear · scale:
        // [[cos, sin], [-sin, cos]] · [[1, -shear], [0, 1]] · diag(wide, high).
        let xx = (cos + map.shear * sin) / wide;
        let xy = (-sin + map.shear * cos) / wide;
        let (yx, yy) = (sin / high, cos / high);
        let mut grid = Self {
            x: [0.0; PIXELS],
            y: [0.0; PIXELS],
        };
        let rows = grid.x.as_chunks_mut::<SIDE>().0.iter_mut();
        let rows = rows.zip(grid.y.as_chunks_mut::<SIDE>().0);
        for (row, (xs, ys)) in rows.enumerate() {
            let v = row as f32 - CENTRE - map.shift[1];
            for column in 0..SIDE {
                let u = column as f32 - CENTRE - map.shift[0];
                xs[column] = xx * u + xy * v + CENTRE;
                ys[column] = yx * u + yy * v + CENTRE;
            }
        }
        grid
    }
}

/// Columns, and rows, of the image with black around it.
const ROOM: usize = 32;

/// An image to read from: for each place with whole coordinates the four pixels around
/// the cell to its right and below, row by row in the bytes of a word.
pub(super) struct Source([u32; ROOM * ROOM]);

impl Source {
    pub(super) fn new(image: &[u8; PIXELS]) -> Self {
        // A pixel of black to the left and above, the rest beyond.
        let mut room = [0u8; ROOM * ROOM + ROOM + 1];
        for (row, pixels) in image.as_chunks::<SIDE>().0.iter().enumerate() {
            room[(row + 1) * ROOM + 1..][..SIDE].copy_from_slice(pixels);
        }
        let byte = |at: usize| u32::from(room[at]);
        Self(std::array::from_fn(|at| {
            byte(at) | byte(at + 1) << 8 | byte(at + ROOM) << 16 | byte(at + ROOM + 1) << 24
        }))
    }

    /// The image at the places of the grid, rounded to the nearest byte.
    ///
    /// In three loops: those that compute run in vectors, the one that looks up cannot.
    pub(super) fn at(&self, grid: &Grid) -> [u8; PIXELS] {
        let (mut at, mut parts) = ([0; PIXELS], [[0.0; PIXELS]; 2]);
        // Beyond a pixel from the image all is black.
        let inside = |place: f32| (place + 1.0).clamp(0.0, SIDE as f32 + 1.0);
        for i in 0..PIXELS {
            let (x, y) = (inside(grid.x[i]), inside(grid.y[i]));
            let (column, row) = (x as i32, y as i32);
            at[i] = row * ROOM as i32 + column;
            parts[0][i] = x - column as f32;
            parts[1][i] = y - row as f32;
        }
        // Never beyond the room; the remainder tells the compiler.
        let cells = at.map(|at| self.0[at as usize % (ROOM * ROOM)]);
        let [x, y] = parts;
        std::array::from_fn(|i| {
            let [a, b, c, d] = cells[i].to_le_bytes().map(f32::from);
            let (above, below) = (a + (b - a) * x[i], c + (d - c) * x[i]);
            (above + (below - above) * y[i] + 0.5) as u8
        })
    }
}

/// The image moved by whole pixels, to the right and down.
pub(super) fn shift(image: &[u8; PIXELS], [right, down]: [isize; 2]) -> [u8; PIXELS] {
    let [right, down] = [right, down].map(|by| by.clamp(-(SIDE as isize), SIDE as isize));
    let mut out = [0; PIXELS];
    let kept = |by: isize| by.max(0) as usize..(SIDE as isize + by.min(0)) as usize;
    let (rows, columns) = (kept(down), kept(right));
    for row in rows {
        let from = row.wrapping_add_signed(-down) * SIDE;
        let pixels = &image[from + columns.start.wrapping_add_signed(-right)..][..columns.len()];
        out[row * SIDE..][columns.clone()].copy_from_slice(pixels);
    }
    out
}
