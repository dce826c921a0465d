"""Kinds of secrets, written from what each vendor's public documentation says its credentials look like.

Nothing here was taken from the rules of casemate or of gitleaks: a kind is a template for `casemate.patterns.samples`
(bodies are drawn at random from a seed, nothing was ever issued), the names under which its vendor's documentation has
people keep it, and a shape: ``value`` is assigned to a name, ``url`` holds a password in front of a host, ``pem`` goes
over several lines. Check digits that a vendor documents are right.

Kinds are halved by the parity of the SHA-256 of their name. Rules were tuned on the even half only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import NamedTuple

from casemate.patterns.samples import sample

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Kind(NamedTuple):
    """One vendor's kind of credential.

    Attributes:
        name: what it is.
        template: what it looks like; ``<crc>`` stands for GitHub's and npm's check digits.
        names: what it is assigned to.
        shape: "value", "url" or "pem".
    """

    name: str
    template: str
    names: tuple[str, ...]
    shape: str = "value"

    @property
    def held_out(self) -> bool:
        """Whether rules were never tuned on it."""
        return bool(hashlib.sha256(self.name.encode()).digest()[-1] % 2)

    def draw(self, seed: str) -> str:
        """One secret of this kind."""
        return _completed(sample(self.template, f"{seed}|{self.name}"))


def _completed(text: str) -> str:
    """With check digits and encoded parts filled in."""
    while "{json:" in text:
        before, _, rest = text.partition("{json:")
        inner, _, after = rest.partition(":json}")
        raw = json.dumps(dict(pair.split("=") for pair in inner.split(","))).encode()
        text = before + base64.b64encode(raw).decode() + after
    if text.endswith("<crc>"):
        text = text.removesuffix("<crc>")
        number, digits = zlib.crc32(text.rpartition("_")[2].encode()), ""
        while number:
            number, digit = divmod(number, 62)
            digits = _BASE62[digit] + digits
        text += digits.rjust(6, "0")
    return text


def _pem(label: str, lines: int, first: str = "") -> str:
    body = "<nl>".join([f"{first}<b64:{64 - len(first)}>", *["<b64:64>"] * (lines - 1), "<b64:30>=="])
    return f"-----BEGIN {label}-----<nl>{body}<nl>-----END {label}-----"


KINDS = (
    Kind("AWS access key id", "AKIA<b32:16>", ("AWS_ACCESS_KEY_ID",)),
    Kind("AWS temporary access key id", "ASIA<b32:16>", ("AWS_ACCESS_KEY_ID",)),
    Kind("AWS secret access key", "<b64:40>", ("AWS_SECRET_ACCESS_KEY",)),
    Kind("AWS session token", "IQoJb3JpZ2luX2Vj<b64:340>", ("AWS_SESSION_TOKEN",)),
    Kind("Azure storage account key", "<b64:86>==", ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY")),
    Kind("Azure storage connection string",
         "DefaultEndpointsProtocol=https;AccountName=orders;AccountKey=<b64:86>==;EndpointSuffix=core.windows.net",
         ("AZURE_STORAGE_CONNECTION_STRING",)),
    Kind("Entra client secret", "<alnum:3>8Q~<alnum:34>", ("AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET")),
    Kind("Azure DevOps token", "<alnum:76>AZDO<alnum:4>", ("AZURE_DEVOPS_EXT_PAT",)),
    Kind("Google API key", "AIza<url:35>", ("GOOGLE_API_KEY", "GOOGLE_MAPS_API_KEY", "GEMINI_API_KEY")),
    Kind("Google OAuth client secret", "GOCSPX-<url:28>", ("GOOGLE_CLIENT_SECRET",)),
    Kind("Alibaba access key id", "LTAI5t<alnum:18>", ("ALIBABA_CLOUD_ACCESS_KEY_ID",)),
    Kind("Alibaba access key secret", "<alnum:30>", ("ALIBABA_CLOUD_ACCESS_KEY_SECRET",)),
    Kind("DigitalOcean token", "dop_v1_<hex:64>", ("DIGITALOCEAN_ACCESS_TOKEN", "DIGITALOCEAN_TOKEN")),
    Kind("Cloudflare API token", "<url:40>", ("CLOUDFLARE_API_TOKEN",)),
    Kind("Cloudflare global key", "<hex:37>", ("CLOUDFLARE_API_KEY",)),
    Kind("Fastly token", "<url:32>", ("FASTLY_API_TOKEN", "FASTLY_API_KEY")),
    Kind("Heroku key", "HRKU-AA<url:58>", ("HEROKU_API_KEY",)),
    Kind("Heroku key, old", "<uuid>", ("HEROKU_API_KEY",)),
    Kind("Fly.io token", "fm2_<b64:150>", ("FLY_API_TOKEN",)),
    Kind("Netlify token", "nfp_<alnum:36>", ("NETLIFY_AUTH_TOKEN",)),
    Kind("Vercel token", "<alnum:24>", ("VERCEL_TOKEN",)),
    Kind("Supabase token", "sbp_<hex:40>", ("SUPABASE_ACCESS_TOKEN",)),
    Kind("PlanetScale service token", "pscale_tkn_<url:43>", ("PLANETSCALE_SERVICE_TOKEN",)),
    Kind("PlanetScale password", "pscale_pw_<url:43>", ("DATABASE_PASSWORD",)),
    Kind("GitHub token", "ghp_<alnum:30><crc>", ("GITHUB_TOKEN", "GH_TOKEN")),
    Kind("GitHub fine-grained token", "github_pat_<alnum:22>_<alnum:59>", ("GITHUB_TOKEN", "GH_TOKEN")),
    Kind("GitHub OAuth token", "gho_<alnum:30><crc>", ("GITHUB_OAUTH_TOKEN",)),
    Kind("GitHub installation token", "ghs_<alnum:30><crc>", ("GITHUB_TOKEN",)),
    Kind("GitHub refresh token", "ghr_<alnum:70><crc>", ("GITHUB_REFRESH_TOKEN",)),
    Kind("GitLab token", "glpat-<url:20>", ("GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN")),
    Kind("GitLab deploy token", "gldt-<url:20>", ("CI_DEPLOY_PASSWORD",)),
    Kind("GitLab runner token", "glrt-<url:20>", ("RUNNER_TOKEN",)),
    Kind("GitLab trigger token", "glptt-<hex:40>", ("TRIGGER_TOKEN",)),
    Kind("Bitbucket app password", "ATBB<alnum:24><HEX:8>", ("BITBUCKET_APP_PASSWORD",)),
    Kind("Atlassian token", "ATATT3xFfGF0<url:171>=<HEX:8>", ("ATLASSIAN_API_TOKEN", "JIRA_API_TOKEN")),
    Kind("npm token", "npm_<alnum:30><crc>", ("NPM_TOKEN", "NODE_AUTH_TOKEN")),
    Kind("PyPI token", "pypi-AgEIcHlwaS5vcmcC<url:160>", ("TWINE_PASSWORD", "PYPI_TOKEN")),
    Kind("RubyGems key", "rubygems_<hex:48>", ("GEM_HOST_API_KEY",)),
    Kind("crates.io token", "cio<alnum:32>", ("CARGO_REGISTRY_TOKEN",)),
    Kind("NuGet key", "oy2<lownum:43>", ("NUGET_API_KEY",)),
    Kind("Clojars token", "CLOJARS_<hex:60>", ("CLOJARS_PASSWORD",)),
    Kind("Docker Hub token", "dckr_pat_<url:27>", ("DOCKER_PASSWORD", "DOCKERHUB_TOKEN")),
    Kind("CircleCI token", "CCIPAT_<alnum:22>_<hex:40>", ("CIRCLE_TOKEN",)),
    Kind("Buildkite token", "bkua_<hex:40>", ("BUILDKITE_API_TOKEN",)),
    Kind("SonarQube user token", "squ_<hex:40>", ("SONAR_TOKEN",)),
    Kind("Snyk token", "<uuid>", ("SNYK_TOKEN",)),
    Kind("Sentry user token", "sntryu_<hex:64>", ("SENTRY_AUTH_TOKEN",)),
    Kind("Sentry organization token",
         "sntrys_{json:iat=<digit:10>,url=https://sentry.io,org=acme:json}_<alnum:43>", ("SENTRY_AUTH_TOKEN",)),
    Kind("Terraform Cloud token", "<alnum:14>.atlasv1.<alnum:67>", ("TFE_TOKEN", "TF_TOKEN_app_terraform_io")),
    Kind("Vault token", "hvs.<url:24>", ("VAULT_TOKEN",)),
    Kind("Vault service token", "hvs.CAESI<url:86>", ("VAULT_TOKEN",)),
    Kind("Vault batch token", "hvb.AAAAAQ<url:140>", ("VAULT_TOKEN",)),
    Kind("Consul token", "<uuid>", ("CONSUL_HTTP_TOKEN",)),
    Kind("Doppler token", "dp.pt.<alnum:43>", ("DOPPLER_TOKEN",)),
    Kind("Pulumi token", "pul-<hex:40>", ("PULUMI_ACCESS_TOKEN",)),
    Kind("1Password service account", "ops_eyJ<b64:300>", ("OP_SERVICE_ACCOUNT_TOKEN",)),
    Kind("Infracost key", "ico-<alnum:32>", ("INFRACOST_API_KEY",)),
    Kind("Grafana service account token", "glsa_<alnum:32>_<hex:8>", ("GRAFANA_TOKEN",)),
    Kind("Grafana Cloud token", "glc_{json:o=<digit:6>,n=stack-<digit:6>,k=<alnum:24>:json}", ("GRAFANA_TOKEN",)),
    Kind("New Relic user key", "NRAK-<upnum:27>", ("NEW_RELIC_API_KEY",)),
    Kind("New Relic license key", "<hex:36>NRAL", ("NEW_RELIC_LICENSE_KEY",)),
    Kind("Datadog API key", "<hex:32>", ("DD_API_KEY", "DATADOG_API_KEY")),
    Kind("Datadog application key", "<hex:40>", ("DD_APP_KEY", "DATADOG_APP_KEY")),
    Kind("Dynatrace token", "dt0c01.<b32:24>.<b32:64>", ("DT_API_TOKEN",)),
    Kind("LaunchDarkly SDK key", "sdk-<uuid>", ("LAUNCHDARKLY_SDK_KEY",)),
    Kind("OpenAI project key", "sk-proj-<url:74>T3BlbkFJ<url:74>", ("OPENAI_API_KEY",)),
    Kind("OpenAI key, old", "sk-<alnum:20>T3BlbkFJ<alnum:20>", ("OPENAI_API_KEY",)),
    Kind("Anthropic key", "sk-ant-api03-<url:93>AA", ("ANTHROPIC_API_KEY",)),
    Kind("Hugging Face token", "hf_<alpha:34>", ("HF_TOKEN", "HUGGINGFACEHUB_API_TOKEN")),
    Kind("Replicate token", "r8_<alnum:37>", ("REPLICATE_API_TOKEN",)),
    Kind("Groq key", "gsk_<alnum:52>", ("GROQ_API_KEY",)),
    Kind("Perplexity key", "pplx-<alnum:48>", ("PERPLEXITY_API_KEY",)),
    Kind("Cohere key", "<alnum:40>", ("COHERE_API_KEY", "CO_API_KEY")),
    Kind("Mistral key", "<alnum:32>", ("MISTRAL_API_KEY",)),
    Kind("xAI key", "xai-<alnum:80>", ("XAI_API_KEY",)),
    Kind("NVIDIA key", "nvapi-<url:64>", ("NVIDIA_API_KEY",)),
    Kind("LangSmith key", "lsv2_pt_<hex:32>_<hex:10>", ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY")),
    Kind("Weights & Biases key", "<hex:40>", ("WANDB_API_KEY",)),
    Kind("Pinecone key", "pcsk_<alnum:6>_<alnum:63>", ("PINECONE_API_KEY",)),
    Kind("Databricks token", "dapi<hex:32>", ("DATABRICKS_TOKEN",)),
    Kind("Prefect key", "pnu_<alnum:36>", ("PREFECT_API_KEY",)),
    Kind("Slack bot token", "xoxb-<digit:12>-<digit:13>-<alnum:24>", ("SLACK_BOT_TOKEN", "SLACK_TOKEN")),
    Kind("Slack user token", "xoxp-<digit:12>-<digit:12>-<digit:13>-<hex:32>", ("SLACK_USER_TOKEN",)),
    Kind("Slack app token", "xapp-1-A0<upnum:9>-<digit:13>-<hex:64>", ("SLACK_APP_TOKEN",)),
    Kind("Slack signing secret", "<hex:32>", ("SLACK_SIGNING_SECRET",)),
    Kind("Slack webhook", "https://hooks.slack.com/services/T0<upnum:8>/B0<upnum:8>/<alnum:24>",
         ("SLACK_WEBHOOK_URL",)),
    Kind("Discord bot token", "MT<alnum:24>.G<alnum:5>.<url:38>", ("DISCORD_TOKEN", "DISCORD_BOT_TOKEN")),
    Kind("Discord webhook", "https://discord.com/api/webhooks/1<digit:18>/<url:68>", ("DISCORD_WEBHOOK_URL",)),
    Kind("Telegram bot token", "7<digit:9>:AA<url:33>", ("TELEGRAM_BOT_TOKEN", "BOT_TOKEN")),
    Kind("Twilio auth token", "<hex:32>", ("TWILIO_AUTH_TOKEN",)),
    Kind("Twilio API key", "SK<hex:32>", ("TWILIO_API_KEY",)),
    Kind("SendGrid key", "SG.<url:22>.<url:43>", ("SENDGRID_API_KEY",)),
    Kind("Mailgun key", "key-<hex:32>", ("MAILGUN_API_KEY",)),
    Kind("Mailchimp key", "<hex:32>-us12", ("MAILCHIMP_API_KEY",)),
    Kind("Brevo key", "xkeysib-<hex:64>-<alnum:16>", ("BREVO_API_KEY",)),
    Kind("Stripe secret key", "sk_live_51<alnum:97>", ("STRIPE_SECRET_KEY", "STRIPE_API_KEY")),
    Kind("Stripe secret key, old", "sk_live_<alnum:24>", ("STRIPE_SECRET_KEY",)),
    Kind("Stripe restricted key", "rk_live_51<alnum:97>", ("STRIPE_API_KEY",)),
    Kind("Stripe webhook secret", "whsec_<alnum:32>", ("STRIPE_WEBHOOK_SECRET",)),
    Kind("Square token", "EAAA<url:60>", ("SQUARE_ACCESS_TOKEN",)),
    Kind("Braintree token", "access_token$production$<lownum:16>$<hex:32>", ("BRAINTREE_ACCESS_TOKEN",)),
    Kind("Razorpay secret", "<alnum:24>", ("RAZORPAY_KEY_SECRET",)),
    Kind("Plaid token", "access-production-<uuid>", ("PLAID_ACCESS_TOKEN",)),
    Kind("Plaid secret", "<hex:30>", ("PLAID_SECRET",)),
    Kind("Flutterwave key", "FLWSECK-<hex:32>-X", ("FLW_SECRET_KEY",)),
    Kind("Shopify token", "shpat_<hex:32>", ("SHOPIFY_ACCESS_TOKEN", "SHOPIFY_ADMIN_TOKEN")),
    Kind("Shopify app secret", "shpss_<hex:32>", ("SHOPIFY_API_SECRET",)),
    Kind("EasyPost key", "EZAK<alnum:54>", ("EASYPOST_API_KEY",)),
    Kind("Shippo key", "shippo_live_<hex:40>", ("SHIPPO_API_KEY",)),
    Kind("Linear key", "lin_api_<alnum:40>", ("LINEAR_API_KEY",)),
    Kind("Notion token", "ntn_<digit:11><alnum:35>", ("NOTION_TOKEN", "NOTION_API_KEY")),
    Kind("Airtable token", "pat<alnum:14>.<hex:64>", ("AIRTABLE_API_KEY", "AIRTABLE_TOKEN")),
    Kind("Asana token", "2/<digit:16>/<digit:16>:<hex:32>", ("ASANA_ACCESS_TOKEN",)),
    Kind("Figma token", "figd_<url:40>", ("FIGMA_TOKEN",)),
    Kind("Postman key", "PMAK-<hex:24>-<hex:34>", ("POSTMAN_API_KEY",)),
    Kind("Typeform token", "tfp_<alnum:44>_<alnum:14>", ("TYPEFORM_TOKEN",)),
    Kind("Contentful token", "CFPAT-<url:43>", ("CONTENTFUL_MANAGEMENT_TOKEN",)),
    Kind("Mapbox secret token", "sk.eyJ1Ijoi<alnum:56>.<url:22>", ("MAPBOX_ACCESS_TOKEN",)),
    Kind("Algolia admin key", "<hex:32>", ("ALGOLIA_ADMIN_KEY", "ALGOLIA_API_KEY")),
    Kind("Okta token", "00<url:40>", ("OKTA_API_TOKEN", "OKTA_CLIENT_TOKEN")),
    Kind("Auth0 client secret", "<url:64>", ("AUTH0_CLIENT_SECRET",)),
    Kind("X bearer token", "AAAAAAAAAAAAAAAAAAAAA<alnum:30>%3D<alnum:48>", ("TWITTER_BEARER_TOKEN", "BEARER_TOKEN")),
    Kind("Facebook app secret", "<hex:32>", ("FACEBOOK_APP_SECRET",)),
    Kind("LinkedIn client secret", "WPL_AP1.<alnum:16>.<alnum:6>==", ("LINKEDIN_CLIENT_SECRET",)),
    Kind("Zendesk token", "<alnum:40>", ("ZENDESK_API_TOKEN",)),
    Kind("Adafruit IO key", "aio_<alnum:28>", ("ADAFRUIT_IO_KEY", "AIO_KEY")),
    Kind("Artifactory key", "AKCp<alnum:69>", ("ARTIFACTORY_API_KEY",)),
    Kind("Django secret key", "<alnum:20>_&<alnum:10>^<alnum:16>", ("SECRET_KEY", "DJANGO_SECRET_KEY")),
    Kind("JSON web token", "<jwt>", ("ACCESS_TOKEN", "SERVICE_TOKEN")),
    Kind("Signing key", "<b64:43>=", ("JWT_SECRET", "SESSION_SECRET", "ENCRYPTION_KEY")),
    Kind("Another service's key", "<alnum:32>", ("WEATHER_API_KEY", "BILLING_API_TOKEN", "PARTNER_API_SECRET")),
    Kind("Database password", "<alnum:8>-<alnum:7>", ("DB_PASSWORD", "POSTGRES_PASSWORD", "MYSQL_ROOT_PASSWORD")),
    Kind("SMTP password", "<lower:4>-<lower:4>-<digit:4>!<upper:3>", ("SMTP_PASSWORD", "MAIL_PASSWORD")),
    Kind("Postgres URL", "postgresql://app:<alnum:16>@db.prod.internal:5432/orders", ("DATABASE_URL",), "url"),
    Kind("MySQL URL", "mysql+pymysql://app:<alnum:14>@10.0.4.7/orders", ("SQLALCHEMY_DATABASE_URI",), "url"),
    Kind("MongoDB URL", "mongodb+srv://svc:<alnum:16>@cluster0.ab1cd.mongodb.net/app", ("MONGODB_URI",), "url"),
    Kind("Redis URL", "rediss://default:<alnum:32>@cache.prod.internal:6380/0", ("REDIS_URL",), "url"),
    Kind("AMQP URL", "amqps://worker:<alnum:20>@mq.prod.internal/jobs", ("BROKER_URL",), "url"),
    Kind("Index URL", "https://deploy:<alnum:24>@pypi.corp.internal/simple", ("PIP_INDEX_URL",), "url"),
    Kind("RSA private key", _pem("RSA PRIVATE KEY", 12, "MIIE"), ("SIGNING_KEY",), "pem"),
    Kind("PKCS 8 private key", _pem("PRIVATE KEY", 12, "MIIEv"), ("PRIVATE_KEY",), "pem"),
    Kind("EC private key", _pem("EC PRIVATE KEY", 3, "MHcCAQEE"), ("EC_KEY",), "pem"),
    Kind("OpenSSH private key", _pem("OPENSSH PRIVATE KEY", 6, "b3BlbnNzaC1rZXktdjEA"), ("DEPLOY_KEY",), "pem"),
    Kind("PGP private key", _pem("PGP PRIVATE KEY BLOCK", 10, "lQVYBG"), ("GPG_KEY",), "pem"),
    Kind("age key", "AGE-SECRET-KEY-1<bech:58>", ("SOPS_AGE_KEY",)),
)  # fmt: skip
"""Every kind, some of them told only by the name that they are assigned to."""
