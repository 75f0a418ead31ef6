//! A table of the board as plain data: titles, cells with their tone, and which columns fit a width. Widths are of the
//! terminal: a Chinese character takes two places.

use crate::cli::print::places;

/// What a figure says of how things go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
    Faint,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) tone: Tone,
}

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A column's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) title: &'static str,
    pub(super) side: Side,
    /// The column goes when there is no room for it and no later rank is left.
    pub(super) rank: u8,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// By which column it is sorted.
    pub(super) sorted: usize,
}

/// Places between two columns.
const GAP: usize = 1;
/// The first column is cut before any other goes, but not below this.
const NAME_MIN: usize = 10;

impl Cell {
    /// A cell of no meaning beyond its text.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }

    /// The cell with a tone.
    pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl Grid {
    /// The columns that fit, by index, each with its width. The first is always there, if need be cut.
    pub(super) fn fit(&self, width: usize) -> Vec<(usize, usize)> {
        let widest = |column: usize| {
            let cells = self.rows.iter().map(|row| places(&row[column].text));
            cells.chain([places(self.heads[column].title)]).max().unwrap_or_default()
        };
        let mut columns: Vec<(usize, usize)> = (0..self.heads.len()).map(|column| (column, widest(column))).collect();
        let full = columns.first().map_or(0, |(_, name)| *name);
        let taken = |columns: &[(usize, usize)]| {
            let all: usize = columns.iter().map(|(_, width)| width + GAP).sum();
            all.saturating_sub(GAP)
        };
        loop {
            let over = taken(&columns).saturating_sub(width);
            let Some(name) = columns.first_mut() else { return columns };
            if over == 0 {
                return columns;
            }
            name.1 = full.saturating_sub(over).max(NAME_MIN.min(full));
            if taken(&columns) <= width {
                return columns;
            }
            let last = columns.iter().skip(1).max_by_key(|(column, _)| self.heads[*column].rank).copied();
            let Some((gone, _)) = last else {
                columns[0].1 = width.min(full);
                return columns;
            };
            columns.retain(|(column, _)| *column != gone);
            columns[0].1 = full;
        }
    }

    /// The table as text, all rows and columns.
    pub(super) fn plain(&self) -> String {
        let columns = self.fit(usize::MAX);
        let line = |cells: Vec<&str>| {
            let padded = columns.iter().map(|(column, width)| pad(cells[*column], *width, self.heads[*column].side));
            let mut line = padded.collect::<Vec<_>>().join("  ").trim_end().to_string();
            line.push('\n');
            line
        };
        let mut text = line(self.heads.iter().map(|head| head.title).collect());
        for row in &self.rows {
            text.push_str(&line(row.iter().map(|cell| &*cell.text).collect()));
        }
        text
    }
}

/// The text in so many places: filled up, or cut with an ellipsis.
pub(super) fn pad(text: &str, room: usize, side: Side) -> String {
    let own = places(text);
    if own <= room {
        let fill = " ".repeat(room - own);
        return match side {
            Side::Left => format!("{text}{fill}"),
            Side::Right => format!("{fill}{text}"),
        };
    }
    if room == 0 {
        return String::new();
    }
    let mut cut = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let next = taken + places(c.encode_utf8(&mut [0; 4]));
        if next >= room {
            break;
        }
        (taken, cut) = (next, cut + c.encode_utf8(&mut [0; 4]));
    }
    format!("{cut}…{}", " ".repeat(room - taken - 1))
}

/// The text in lines of at most so many places: broken at spaces, and where there is none within a character of two places.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut taken) = (String::new(), 0);
    for word in text.split_inclusive(' ') {
        let own = places(word.trim_end());
        if taken + own > room && taken > 0 && own <= room {
            lines.push(std::mem::take(&mut line).trim_end().to_string());
            taken = 0;
        }
        for c in word.chars() {
            let more = places(c.encode_utf8(&mut [0; 4]));
            if taken + more > room && c != ' ' && taken > 0 {
                lines.push(std::mem::take(&mut line).trim_end().to_string());
                taken = 0;
            }
            line.push(c);
            taken += more;
        }
    }
    if !line.trim().is_empty() {
        lines.push(line.trim_end().to_string());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let head = |title, side, rank| Head { title, side, rank };
        let row = |cells: [&str; 3]| cells.into_iter().map(Cell::plain).collect();
        Grid {
            heads: vec![head("QUEUE", Side::Left, 0), head("WAIT", Side::Right, 1), head("等待", Side::Right, 9)],
            rows: vec![row(["support-of-everybody", "7", "1:05"]), row(["客户服务", "120", "0:02"])],
            sorted: 0,
        }
    }

    #[test]
    fn a_wide_character_takes_two_places() {
        assert_eq!((places("客户a"), places("1:05"), places("")), (5, 4, 0));
        assert_eq!(pad("客户", 6, Side::Right), "  客户");
        assert_eq!(pad("客户服务", 6, Side::Left), "客户… ");
        assert_eq!(pad("客户服务", 7, Side::Left), "客户服…");
        assert_eq!(
            (pad("abc", 3, Side::Left), pad("abcd", 3, Side::Left), pad("ab", 0, Side::Left)),
            ("abc".into(), "ab…".into(), String::new())
        );
    }

    #[test]
    fn lines_break_at_spaces_and_between_wide_characters() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("一二三四五", 4), ["一二", "三四", "五"]);
        assert_eq!(wrap("longer", 3), ["lon", "ger"]);
        assert!(wrap("", 5).is_empty() && !wrap("x y", 0).is_empty());
    }

    #[test]
    fn the_name_is_cut_before_a_column_goes_and_the_least_goes_first() {
        let grid = grid();
        assert_eq!(grid.fit(100), [(0, 20), (1, 4), (2, 4)]);
        assert_eq!(grid.fit(24), [(0, 14), (1, 4), (2, 4)]);
        assert_eq!(grid.fit(19), [(0, 14), (1, 4)]);
        assert_eq!(grid.fit(14), [(0, 14)]);
        assert_eq!(grid.fit(5), [(0, 5)]);
    }

    #[test]
    fn as_text_columns_line_up_with_wide_characters() {
        let expected =
            "QUEUE                 WAIT  等待\nsupport-of-everybody     7  1:05\n客户服务               120  0:02\n";
        assert_eq!(grid().plain(), expected);
    }
}
