//! Curves of numbers in a field of characters: readable without colour.

/// Columns and rows of a field, the axis and the labels beside it left out.
pub(crate) const COLUMNS: usize = 60;
pub(crate) const ROWS: usize = 10;
/// Columns of the labels left of it.
const MARGIN: usize = 8;
/// Where curves meet that have different characters.
const SEVERAL: char = '*';

/// A field that curves are drawn into, each with its character.
pub(crate) struct Field {
    x: (f64, f64),
    y: (f64, f64),
    cells: [[char; COLUMNS]; ROWS],
    axis: [char; COLUMNS],
}

impl Field {
    /// A field from `x.0` to `x.1` across and from `y.0` to `y.1` upwards.
    pub(crate) fn new(x: (f64, f64), y: (f64, f64)) -> Self {
        Self {
            x,
            y,
            cells: [[' '; COLUMNS]; ROWS],
            axis: ['-'; COLUMNS],
        }
    }

    /// Draws points; what is above or below the field runs along its edge, and what is no
    /// number is left out.
    pub(crate) fn draw(&mut self, mark: char, points: impl IntoIterator<Item = (f64, f64)>) {
        for (x, y) in points {
            if !x.is_finite() || !y.is_finite() {
                continue;
            }
            let row = ROWS - 1 - place(y, self.y, ROWS);
            let cell = &mut self.cells[row][place(x, self.x, COLUMNS)];
            *cell = match *cell {
                there if there == ' ' || there == mark => mark,
                _ => SEVERAL,
            };
        }
    }

    /// A `^` on the axis.
    pub(crate) fn point_at(&mut self, x: f64) {
        self.axis[place(x, self.x, COLUMNS)] = '^';
    }

    /// The field with `name` at its corner, the axes' ends beside it as `label` writes
    /// those of y and `ends` those of x.
    pub(crate) fn text(
        &self,
        name: &str,
        label: impl Fn(f64) -> String,
        ends: [&str; 2],
    ) -> String {
        let mut lines = Vec::with_capacity(ROWS + 2);
        for (number, row) in self.cells.iter().enumerate() {
            let label = match number {
                0 => label(self.y.1),
                _ if number == ROWS - 1 => label(self.y.0),
                _ => String::new(),
            };
            let row: String = row.iter().collect();
            lines.push(format!("{label:>MARGIN$} |{row}").trim_end().to_owned());
        }
        let axis: String = self.axis.iter().collect();
        lines.push(format!("{name:MARGIN$} +{axis}"));
        let [first, last] = ends;
        let between = COLUMNS.saturating_sub(last.len());
        let indent = " ".repeat(MARGIN + 2);
        lines.push(format!("{indent}{first:<between$}{last}"));
        lines.join("\n")
    }
}

/// Which of `n` places between the ends a value is in.
fn place(value: f64, (low, high): (f64, f64), n: usize) -> usize {
    let share = (value - low) / (high - low);
    // Ends that are the same have all at the first place: NaN becomes 0.
    let place = (share * (n - 1) as f64).round() as usize;
    place.min(n - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_told_apart_and_stay_in_the_field() {
        let mut field = Field::new((1.0, 60.0), (0.0, 9.0));
        field.draw('a', (1..=60).map(|x| (f64::from(x), 3.0)));
        field.draw('b', [(2.0, 3.0), (3.0, -5.0), (4.0, 1e9), (5.0, f64::NAN)]);
        field.draw('a', [(1.0, 3.0)]);
        field.point_at(60.0);
        let text = field.text("loss", |y| format!("{y:.1}"), ["1", "60"]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), ROWS + 2);
        assert_eq!(lines[0], "     9.0 |   b");
        assert_eq!(lines[6], format!("         |a*{}", "a".repeat(58)));
        assert_eq!(lines[9], "     0.0 |  b");
        assert_eq!(lines[10], format!("loss     +{}^", "-".repeat(59)));
        assert_eq!(lines[11], format!("          1{}60", " ".repeat(57)));
    }

    #[test]
    fn ends_that_are_the_same_do_no_harm() {
        let mut field = Field::new((1.0, 1.0), (0.5, 0.5));
        field.draw('a', [(1.0, 0.5)]);
        field.point_at(1.0);
        let text = field.text("x", |y| y.to_string(), ["1", "1"]);
        assert!(text.contains("0.5 |a") && text.contains("+^"), "{text}");
    }
}
