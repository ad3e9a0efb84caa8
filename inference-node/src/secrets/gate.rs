//! The secrets of one gate, as the variables that it reads them from.

use std::fmt::Write as _;

use filter::{Environment, hex};
use zeroize::Zeroizing;

use super::{RootSecret, TokenSecrets};

/// The variable of the permit key's version, the one that is a number.
pub const VERSION: &str = "LUNETTE_PERMIT_KEY_VERSION";

/// The secrets of one gate. It has no `Debug`, `Display` or `Serialize`.
pub struct GateSecrets(Vec<(&'static str, Zeroizing<String>)>);

impl GateSecrets {
    /// The secrets of `gate` with version `version` of its permit key, in an environment whose
    /// signing secrets come from the versions `realms` of the realm key.
    pub fn derive(
        root: &RootSecret,
        gate: &str,
        version: u32,
        environment: Environment,
        realms: &[u32],
        tokens: &TokenSecrets,
    ) -> Self {
        let mut realm_keys = Zeroizing::new(String::with_capacity(256));
        for (index, &realm) in realms.iter().enumerate() {
            let key = digits(&root.realm_key_bytes(environment, realm));
            let separator = if index == 0 { "" } else { "," };
            // Writing to a string does not fail.
            let _ = write!(realm_keys, "{separator}{realm}:{}", key.as_str());
        }
        let mut variables = vec![
            ("LUNETTE_PERMIT_KEY", digits(&root.permit_key_bytes(gate, version))),
            (VERSION, Zeroizing::new(version.to_string())),
            ("LUNETTE_PEPPER", digits(&root.pepper_bytes(environment))),
            ("LUNETTE_REALM_KEYS", realm_keys),
            ("LUNETTE_GATE_TOKEN", root.gate_token(gate, version)),
            // The one that is no secret: whom the gate believes.
            (
                "LUNETTE_SNAPSHOT_KEY",
                Zeroizing::new(root.snapshot_signer(environment).public().digits()),
            ),
        ];
        variables.extend(tokens.variable().map(|secrets| ("LUNETTE_TOKEN_SECRETS", secrets)));
        Self(variables)
    }

    /// Each variable and its value.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &Zeroizing<String>)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}

fn digits(secret: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(hex::encode(secret))
}
