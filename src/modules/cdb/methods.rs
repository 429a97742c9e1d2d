//! Which methods of hashing crypt(3) of this system knows, and which one is
//! the usual one here.

use pdm::hash::Hash;
use std::collections::HashMap;
use std::hint::black_box;

/// Methods that are remembered; a method has its cost in it, so that a
/// strange database could have very many.
const MOST: usize = 64;

/// Methods that were met, how often, and a hash of each.
#[derive(Default)]
pub(crate) struct Methods {
    known: HashMap<Vec<u8>, (u32, Vec<u8>)>,
    usual: Option<Vec<u8>>,
}

impl Methods {
    /// Counts the method of `hash`.
    ///
    /// # Errors
    /// crypt(3) of this system does not know it.
    pub(crate) fn count(&mut self, hash: &Hash) -> Result<(), String> {
        self.meet(hash)?;
        if let Some((count, _)) = self.known.get_mut(hash.method()) {
            *count += u32::from(!hash.is_locked());
        }
        let most = self.known.values().max_by_key(|(count, _)| *count);
        self.usual = most.filter(|(n, _)| *n > 0).map(|(_, hash)| hash.clone());
        Ok(())
    }

    /// Whether `password` is the one behind `hash`; a hash that no password
    /// matches costs what the usual one costs.
    ///
    /// # Errors
    /// crypt(3) of this system does not know its method, which says nothing
    /// of the password.
    pub(crate) fn admit(&mut self, hash: &Hash, password: &[u8]) -> Result<bool, String> {
        self.meet(hash)?;
        if hash.is_locked() {
            self.pretend(password);
        }
        Ok(hash.admits(password))
    }

    /// Takes the time that a password of the usual method takes, so that the
    /// clock does not tell who has an account.
    pub(crate) fn pretend(&self, password: &[u8]) {
        if let Some(usual) = &self.usual {
            black_box(Hash(usual).admits(password));
        }
    }

    fn meet(&mut self, hash: &Hash) -> Result<(), String> {
        if hash.is_locked() || self.known.contains_key(hash.method()) {
            return Ok(());
        }
        if !hash.is_supported() {
            return Err("hash: crypt(3) of this system makes none like this".into());
        }
        if self.known.len() < MOST {
            let row = (0, hash.0.to_vec());
            self.known.insert(hash.method().to_vec(), row);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &[u8] = b"$1$salt$qJH7.N4xYta3aEG/dfqo/0";

    #[test]
    fn the_most_common_method_is_the_usual_one() {
        let mut methods = Methods::default();
        let hashes = [&b"!x"[..], b"!y", b"!z", b"{PLAIN}x", MD5, MD5];
        hashes
            .iter()
            .for_each(|hash| methods.count(&Hash(hash)).unwrap());
        assert_eq!(methods.usual.as_deref(), Some(MD5));
        assert!(methods.count(&Hash(b"$99$x$y")).is_err());
        assert!(methods.admit(&Hash(b"$99$x$y"), b"y").is_err());
        assert_eq!(methods.admit(&Hash(MD5), b"password"), Ok(true));
        assert_eq!(methods.admit(&Hash(b"!x"), b"x"), Ok(false));
    }

    #[test]
    fn no_more_methods_are_remembered_than_there_is_room_for() {
        let mut methods = Methods::default();
        for rounds in 1000..1070 {
            let hash = format!("$5$rounds={rounds}$salt${}", "x".repeat(43));
            methods.count(&Hash(hash.as_bytes())).unwrap();
        }
        assert_eq!(methods.known.len(), MOST);
    }
}
