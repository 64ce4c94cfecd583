//! The token for the newer addresses: Google's own default credentials, in the name of another account.

use google_cloud_auth::credentials::{Builder, impersonated};
use secrecy::SecretString;

/// What the token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// An access token of `account`.
///
/// # Errors
/// Why there is none, in words: no default credentials, or they may not act for the account.
pub(super) async fn token(account: &str) -> Result<SecretString, String> {
    let refused =
        |problem: &dyn std::fmt::Display| format!("there is no Google token for {account}: {problem}");
    let own = Builder::default()
        .with_scopes([SCOPE])
        .build()
        .map_err(|error| refused(&error))?;
    let theirs = impersonated::Builder::from_source_credentials(own)
        .with_target_principal(account)
        .with_scopes([SCOPE])
        .build_access_token_credentials()
        .map_err(|error| refused(&error))?;
    let token = theirs.access_token().await.map_err(|error| refused(&error))?;
    Ok(token.token.into())
}
