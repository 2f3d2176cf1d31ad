//! Pages that continue after a key.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What is wrong with a request for a page.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPage {
    /// The size is negative or too large.
    #[error("must be between 0 and {max}")]
    Size {
        /// The largest page.
        max: usize,
    },
    /// The token was not made by this list.
    #[error("is not a page token of this list")]
    Token,
    /// The token was made for other filters.
    #[error("belongs to a list with other filters")]
    OtherFilter,
}

/// How many rows a page has: `default` if 0 was asked for.
pub fn page_size(requested: i32, default: usize, max: usize) -> Result<usize, InvalidPage> {
    match usize::try_from(requested) {
        Ok(0) => Ok(default),
        Ok(size) if size <= max => Ok(size),
        _ => Err(InvalidPage::Size { max }),
    }
}

/// Where a page begins: after the row with this key, under this filter. Opaque to callers.
#[derive(Debug, Serialize, Deserialize)]
pub struct PageToken<K> {
    #[serde(rename = "k")]
    key: K,
    #[serde(rename = "f")]
    filter: u64,
}

/// Longer tokens are refused unread.
const MAX_TOKEN_BYTES: usize = 4096;

impl<K: Serialize + DeserializeOwned> PageToken<K> {
    /// The token that continues after `key`. `filter` is whatever else the list depends on.
    pub fn encode(key: K, filter: &impl Serialize) -> String {
        let token = Self { key, filter: hash(filter) };
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).expect("keys are plain data"))
    }

    /// The key to continue after; `None` for the empty token of a first page.
    pub fn decode(token: &str, filter: &impl Serialize) -> Result<Option<K>, InvalidPage> {
        if token.is_empty() {
            return Ok(None);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidPage::Token);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidPage::Token)?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|_| InvalidPage::Token)?;
        if token.filter != hash(filter) {
            return Err(InvalidPage::OtherFilter);
        }
        Ok(Some(token.key))
    }
}

/// FNV-1a of the filter's JSON: it only has to notice a mistake, not an attack, because a token
/// never widens what its caller may see.
fn hash(filter: &impl Serialize) -> u64 {
    let json = serde_json::to_vec(filter).expect("filters are plain data");
    json.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_continues_its_own_list_only() {
        let token = PageToken::encode(("b".to_owned(), 7_i64), &"filter");
        assert_eq!(PageToken::decode(&token, &"filter"), Ok(Some(("b".to_owned(), 7_i64))));
        assert_eq!(PageToken::<(String, i64)>::decode("", &"filter"), Ok(None));
        assert_eq!(PageToken::<(String, i64)>::decode(&token, &"other"), Err(InvalidPage::OtherFilter));
        for bad in ["x", "!!", "e30", &"A".repeat(5000)] {
            assert_eq!(PageToken::<(String, i64)>::decode(bad, &"filter"), Err(InvalidPage::Token));
        }
    }

    #[test]
    fn the_size_of_a_page_is_bounded() {
        assert_eq!(page_size(0, 100, 500), Ok(100));
        assert_eq!(page_size(500, 100, 500), Ok(500));
        assert_eq!(page_size(501, 100, 500), Err(InvalidPage::Size { max: 500 }));
        assert_eq!(page_size(-1, 100, 500), Err(InvalidPage::Size { max: 500 }));
    }
}
