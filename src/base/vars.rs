//! Typed variables with defaults and ranges: those of `show` and `set`, and
//! the `key=value` options of every object.

use super::words;

mod kind;
pub(crate) mod named;

pub(crate) use kind::{Kind, is_host_port, is_id};

/// When a new value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At once, in running sessions too.
    Live,
    /// With a new generation.
    Fixed,
    /// It cannot be set.
    Read,
}

/// One variable, as its program's table describes it.
#[derive(Debug)]
pub(crate) struct Var {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: &'static str,
    pub(crate) when: When,
    pub(crate) help: &'static str,
}

/// Where a variable stands in its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) usize);

/// Declares a table of variables and a [`Key`] constant for each row.
macro_rules! vars {
    ($table:ident from $first:expr;
     $($key:ident $name:literal $when:ident $kind:expr, $default:expr, $help:literal;)*) => {
        // The same name twice: a type that counts the rows, a value that holds them.
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum $table { $($key),* }
        $(#[doc = $help]
        pub(crate) const $key: $crate::base::vars::Key =
            $crate::base::vars::Key($first + $table::$key as usize);)*
        pub(crate) static $table: &[$crate::base::vars::Var] = {
            #[allow(unused_imports)]
            use $crate::base::vars::{Kind::*, When::*};
            &[$($crate::base::vars::Var {
                name: $name, kind: $kind, default: $default, when: $when, help: $help,
            }),*]
        };
    };
}
pub(crate) use vars;

/// The values of one table.
#[derive(Clone, Debug)]
pub(crate) struct Vars {
    tables: [&'static [Var]; 2],
    values: Vec<String>,
}

impl Vars {
    /// All defaults of two tables, the second behind the first.
    pub(crate) fn new(tables: [&'static [Var]; 2]) -> Vars {
        let values = tables
            .iter()
            .flat_map(|t| t.iter())
            .map(|v| v.default.to_string())
            .collect();
        Vars { tables, values }
    }

    /// Rows and values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static Var, &str)> {
        let rows = self.tables.into_iter().flatten();
        rows.zip(self.values.iter().map(String::as_str))
    }

    fn place(&self, name: &str) -> Option<(usize, &'static Var)> {
        self.tables
            .into_iter()
            .flatten()
            .enumerate()
            .find(|(_, v)| v.name == name)
    }

    /// Sets a variable by name.
    ///
    /// # Errors
    /// Which word is wrong and what would be right.
    pub(crate) fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let Some((i, var)) = self.place(name) else {
            let names: Vec<_> = self
                .iter()
                .filter(|(v, _)| v.when != When::Read)
                .map(|(v, _)| v.name)
                .collect();
            return Err(format!(
                "unknown name {}; there are: {}",
                words::quote(name),
                names.join(" ")
            ));
        };
        if var.when == When::Read {
            return Err(format!("{name} can only be read"));
        }
        let value = var
            .kind
            .normal(text)
            .map_err(|why| format!("{name} {why}, not {}", words::quote(text)))?;
        self.values[i] = value;
        Ok(())
    }

    /// Puts in a value that the program itself knows to be right.
    pub(crate) fn put(&mut self, key: Key, text: impl Into<String>) {
        self.values[key.0] = text.into();
    }

    /// Takes over what can only be read.
    pub(crate) fn keep_read(&mut self, from: &Vars) {
        let rows = self.tables.into_iter().flatten();
        let values = self.values.iter_mut().zip(&from.values);
        for (_, (value, kept)) in rows.zip(values).filter(|(var, _)| var.when == When::Read) {
            value.clone_from(kept);
        }
    }

    /// The row and value called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<(&'static Var, &str)> {
        self.place(name)
            .map(|(i, var)| (var, self.values[i].as_str()))
    }

    /// The text of a value.
    pub(crate) fn text(&self, key: Key) -> &str {
        &self.values[key.0]
    }

    /// The value as a number: seconds, 0 or 1, the place in a list of words.
    pub(crate) fn number(&self, key: Key) -> u64 {
        self.numbers().nth(key.0).unwrap_or(0)
    }

    /// All values as numbers, in order, for the shared page.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.iter().map(|(var, text)| var.kind.number(text))
    }

    /// Do both hold the same in everything that is not live?
    pub(crate) fn same_but_live(&self, other: &Vars) -> bool {
        let mut both = self.iter().zip(other.iter());
        both.all(|((var, a), (_, b))| var.when == When::Live || a == b)
    }

    /// What differs from the defaults, as `(name, value)`.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let differs =
            |(var, text): &(&'static Var, &str)| var.when != When::Read && *text != var.default;
        self.iter()
            .filter(differs)
            .map(|(var, text)| (var.name, text))
    }
}

/// One row for `help` and `-T`: type, default, range, whether it is live.
pub(crate) fn describe(var: &Var) -> String {
    let when = match var.when {
        When::Live => "live",
        When::Fixed => "fixed",
        When::Read => "readonly",
    };
    let default = words::quote(var.default);
    format!(
        "{} {} {default} {} {when}",
        var.name,
        var.kind.name(),
        words::quote(&var.kind.wanted())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    vars! { TABLE from 0;
        LIMIT "limit" Live Int(1, 10), "5", "how many";
        WAIT "wait" Live Time(1, 3600), "1m", "how long";
        SOFT "soft" Fixed Word(&["empty", "tempfail"]), "empty", "how soft";
        HERE "here" Read Str, "x", "where";
    }

    #[test]
    fn a_value_is_kept_in_its_normal_form() {
        let mut vars = Vars::new([TABLE, &[]]);
        vars.set("wait", "120").unwrap();
        vars.set("soft", "tempfail").unwrap();
        assert_eq!(
            (vars.text(WAIT), vars.number(WAIT), vars.number(SOFT)),
            ("2m", 120, 1)
        );
        assert_eq!(
            vars.changed().collect::<Vec<_>>(),
            [("wait", "2m"), ("soft", "tempfail")]
        );
        assert_eq!((vars.number(LIMIT), vars.text(HERE)), (5, "x"));
    }

    #[test]
    fn a_wrong_value_changes_nothing_and_is_named() {
        let mut vars = Vars::new([TABLE, &[]]);
        let why = vars.set("limit", "11").unwrap_err();
        assert_eq!(why, "limit must be a whole number from 1 to 10, not 11");
        assert!(
            vars.set("limt", "1")
                .unwrap_err()
                .contains("there are: limit wait soft")
        );
        assert!(vars.set("here", "y").unwrap_err().contains("only be read"));
        assert_eq!(vars.text(LIMIT), "5");
    }

    #[test]
    fn every_default_is_in_range() {
        for var in TABLE {
            assert_eq!(var.kind.normal(var.default).as_deref(), Ok(var.default));
        }
    }
}
