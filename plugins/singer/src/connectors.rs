//! The table of connectors. A new one is a new row.

use switchyard_plugin_api::prelude::Description;

use crate::{
    connector::{Connector, Feature, Generic, Known, Named},
    tap::Tap,
    target::Target,
};

use Feature::{Catalog, Discover, Properties, State};

/// Takes the streams by `--catalog`, discovers, goes on where it ended: most do.
const CATALOG: &[Feature] = &[Catalog, Discover, State];
/// As older ones do.
const PROPERTIES: &[Feature] = &[Properties, Discover, State];
const DATABASE: &[(&str, &str)] = &[("username", "user"), ("dbName", "dbname"), ("databaseName", "dbname")];

/// Makes a type of each row, and exports the plugin with a task for each.
macro_rules! connectors {
    (taps: { $($tap:ident($package:expr, $command:expr, $features:expr $(, $renamed:expr)?);)* }
     targets: { $($target:ident($target_package:expr, $target_command:expr $(, files: $files:literal)? $(, renamed: $target_renamed:expr)?);)* }) => {
        pub mod taps {
            use super::*;
            $(
                #[doc = stringify!($tap)]
                #[derive(Debug, Default)]
                pub struct $tap;
                impl Named for $tap {
                    const TYPE: &'static str = concat!("io.kestra.plugin.singer.taps.", stringify!($tap));
                    const CONNECTOR: Connector = Connector {
                        package: $package, command: $command, features: $features, writes_files: false,
                        renamed: connectors!(@or &[] $(, $renamed)?),
                    };
                    type Config = Known;
                }
            )*
            /// Any tap.
            #[derive(Debug, Default)]
            pub struct GenericTap;
            impl Named for GenericTap {
                const TYPE: &'static str = "io.kestra.plugin.singer.taps.GenericTap";
                const CONNECTOR: Connector = Connector { package: None, command: None, features: PROPERTIES, renamed: &[], writes_files: false };
                type Config = Generic;
            }
        }
        pub mod targets {
            use super::*;
            $(
                #[doc = stringify!($target)]
                #[derive(Debug, Default)]
                pub struct $target;
                impl Named for $target {
                    const TYPE: &'static str = concat!("io.kestra.plugin.singer.targets.", stringify!($target));
                    const CONNECTOR: Connector = Connector {
                        package: $target_package, command: $target_command, features: &[],
                        writes_files: connectors!(@or false $(, $files)?),
                        renamed: connectors!(@or &[] $(, $target_renamed)?),
                    };
                    type Config = Known;
                }
            )*
            /// Any target.
            #[derive(Debug, Default)]
            pub struct GenericTarget;
            impl Named for GenericTarget {
                const TYPE: &'static str = "io.kestra.plugin.singer.targets.GenericTarget";
                const CONNECTOR: Connector = Connector { package: None, command: None, features: &[], renamed: &[], writes_files: false };
                type Config = Generic;
            }
        }

        switchyard_plugin_api::export_plugin! {
            id: "singer",
            tasks: [
                Tap<taps::GenericTap>, $(Tap<taps::$tap>,)*
                Target<targets::GenericTarget>, $(Target<targets::$target>),*
            ],
        }
    };
    (@or $default:expr) => { $default };
    (@or $default:expr, $value:expr) => { $value };
}

connectors! {
    taps: {
        PipelinewiseMysql(Some("pipelinewise-tap-mysql"), Some("tap-mysql"), CATALOG, &[("username", "user")]);
        PipelinewisePostgres(Some("pipelinewise-tap-postgres"), Some("tap-postgres"), CATALOG, DATABASE);
        PipelinewiseOracle(Some("pipelinewise-tap-oracle"), Some("tap-oracle"), CATALOG, &[("username", "user")]);
        PipelinewiseSqlServer(Some("tap-mssql"), Some("tap-mssql"), CATALOG, &[("username", "user")]);
        PipelinewiseMongoDb(Some("pipelinewise-tap-mongodb"), Some("tap-mongodb"), CATALOG, &[("username", "user")]);
        BigQuery(Some("tap-bigquery"), Some("tap-bigquery"), CATALOG);
        BingAds(Some("tap-bing-ads"), Some("tap-bing-ads"), CATALOG);
        ChargeBee(Some("tap-chargebee"), Some("tap-chargebee"), PROPERTIES);
        CrowdDev(Some("git+https://github.com/crowddev/tap-crowd-dev.git"), Some("tap-crowd-dev"), CATALOG);
        ExchangeRateHost(Some("tap-exchangeratehost"), Some("tap-exchangeratehost"), &[State]);
        FacebookAds(Some("tap-facebook"), Some("tap-facebook"), PROPERTIES);
        Fastly(Some("git+https://gitlab.com/meltano/tap-fastly.git"), Some("tap-fastly"), CATALOG);
        GitHub(Some("tap-github"), Some("tap-github"), PROPERTIES);
        Gitlab(Some("tap-gitlab"), Some("tap-gitlab"), CATALOG);
        GoogleAdwords(Some("tap-adwords"), Some("tap-adwords"), PROPERTIES);
        GoogleAnalytics(Some("tap-google-analytics"), Some("tap-google-analytics"), &[Catalog, Discover]);
        GoogleSearchConsole(Some("tap-google-search-console"), Some("tap-google-search-console"), CATALOG);
        HubSpot(Some("tap-hubspot"), Some("tap-hubspot"), CATALOG);
        Marketo(Some("tap-marketo"), Some("tap-marketo"), &[]);
        Netsuite(Some("git+https://github.com/hotgluexyz/tap-netsuite.git"), Some("tap-netsuite"), PROPERTIES);
        Quickbooks(Some("tap-quickbooks"), Some("tap-quickbooks"), CATALOG);
        Recharge(Some("tap-recharge"), Some("tap-recharge"), CATALOG);
        SageIntacct(Some("tap-intacct"), Some("tap-intacct"), PROPERTIES);
        Salesforce(Some("tap-salesforce"), Some("tap-salesforce"), PROPERTIES);
        Shopify(Some("tap-shopify"), Some("tap-shopify"), CATALOG);
        Slack(Some("tap-slack"), Some("tap-slack"), CATALOG);
        Stripe(Some("tap-stripe"), Some("tap-stripe"), CATALOG);
        Zendesk(Some("tap-zendesk"), Some("tap-zendesk"), CATALOG);
        Zoom(Some("tap-zoom"), Some("tap-zoom"), &[Catalog, Discover]);
    }
    targets: {
        PipelinewisePostgres(Some("pipelinewise-target-postgres"), Some("target-postgres"), renamed: DATABASE);
        DatamillCoPostgres(Some("singer-target-postgres"), Some("target-postgres"));
        PipelinewiseRedshift(Some("pipelinewise-target-redshift"), Some("target-redshift"), renamed: DATABASE);
        PipelinewiseSnowflake(Some("pipelinewise-target-snowflake"), Some("target-snowflake"), renamed: DATABASE);
        MeltanoSnowflake(Some("meltanolabs-target-snowflake"), Some("target-snowflake"), renamed: &[("username", "user")]);
        AdswerveBigQuery(Some("git+https://github.com/adswerve/target-bigquery.git"), Some("target-bigquery"));
        Oracle(Some("git+https://github.com/christianelliott/target-oracle.git"), Some("target-oracle"));
        SqlServer(Some("target-mssql"), Some("target-mssql"));
        Csv(Some("target-csv"), Some("target-csv"), files: true, renamed: &[("quoteCharacters", "quotechar")]);
        Json(Some("target-jsonl"), Some("target-jsonl"), files: true);
    }
}

/// The last part of a type name.
pub fn name(type_name: &str) -> &str {
    type_name.rsplit('.').next().unwrap_or(type_name)
}

/// What people read about a connector.
pub fn describe(type_name: &str, connector: &Connector, docs: &str, title: &str) -> Description {
    let own = match (connector.package, connector.command) {
        (Some(package), Some(command)) => format!(
            "It is the program `{command}` of the package `{package}`. Properties that are not listed here are its own configuration, in camel case: \
             `startDate` becomes `start_date`."
        ),
        _ => "Name its package in `pipPackages`, its program in `command`, and its configuration in `configs`.".to_owned(),
    };
    let tap = type_name.contains(".taps.");
    let properties = match (tap, connector.package) {
        (true, Some(_)) => "    startDate: \"2026-01-01T00:00:00Z\"\n    streamsConfigurations:\n      - replicationMethod: FULL_TABLE\n".to_owned(),
        (true, None) => "    pipPackages:\n      - tap-exchangeratehost\n    command: tap-exchangeratehost\n    features:\n      - STATE\n    configs:\n      base: EUR\n      start_date: \"2026-01-01\"\n    streamsConfigurations: []\n".to_owned(),
        (false, Some(_)) => "    from: \"{{ inputs.raw }}\"\n".to_owned(),
        (false, None) => "    from: \"{{ inputs.raw }}\"\n    pipPackages:\n      - target-jsonl\n    command: target-jsonl\n    configs:\n      destination_path: \".\"\n    outputFiles:\n      - \"*.jsonl\"\n".to_owned(),
    };
    let inputs = if tap { "" } else { "inputs:\n  - id: raw\n    type: FILE\n\n" };
    let flow = format!(
        "id: singer_{}\nnamespace: company.team\n\n{inputs}tasks:\n  - id: singer\n    type: {type_name}\n{properties}",
        name(type_name).to_lowercase()
    );
    let mut description = Description::new(title)
        .docs(format!("{own}\n\n{docs}"))
        .icon(include_str!("icon.svg"))
        .example(if tap { "Read everything." } else { "Write what a tap read." }, flow);
    description.deprecated = Some("Singer connectors are hardly kept any more; look for a task of the system itself".into());
    description
}
