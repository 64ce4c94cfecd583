//! Whose account is shown.

use crate::scene::{KEY, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_the_tokens_own_and_the_keys_is_never_asked_for() {
    let scene = Scene::new().await;
    for id in [&*scene.token, "soar"] {
        let user = scene.v3(&format!("users/{id}")).await.json();
        assert_eq!(user["data"]["id"], "soar");
        let quotas = scene.v3(&format!("users/{id}/overall_quotas")).await.json();
        assert_eq!(quotas["data"]["api_requests_daily"]["user"]["used"], 0);
        let usage = scene.v3(&format!("users/{id}/api_usage")).await.json();
        assert!(usage["data"]["daily"].is_object());
    }
    for path in [
        format!("users/{KEY}"),
        format!("users/{KEY}/overall_quotas"),
        format!("users/{}", simulator::user_name(KEY)),
        "users/somebody/api_usage".to_owned(),
        "groups/team".to_owned(),
    ] {
        let seen = scene.v3(&path).await;
        assert_eq!((seen.status, &*seen.code()), (403, "ForbiddenError"), "{path}");
    }
    assert!(scene.running.calls().is_empty());
}
