//! The same rows on Podman, which speaks Docker's protocol with an accent.

use crate::{daemon, files, images, lifecycle, logs, resources, resume, setup};

macro_rules! on_podman {
    ($($name:ident: $row:path;)*) => {
        $(
            #[test]
            fn $name() {
                setup::use_podman();
                $row();
            }
        )*
    };
}

on_podman! {
    podman_d1_echo: lifecycle::docker_d1_echo_exits_zero_and_leaves_nothing;
    podman_d2_a_failed_command: lifecycle::docker_d2_a_failed_command_reports_its_code_and_keeps_its_files;
    podman_d3_both_streams: logs::docker_d3_both_streams_arrive_complete_and_in_order;
    podman_d4_a_long_line: logs::docker_d4_a_long_line_arrives_whole;
    podman_d5_bytes: logs::docker_d5_bytes_are_not_changed;
    podman_d6_entrypoints: lifecycle::docker_d6_the_entrypoint_of_the_image_is_dropped_unless_asked_for;
    podman_d7_input_files: files::docker_d7_every_kind_of_input_file_arrives;
    podman_d7_output_files: files::docker_d7_output_files_keep_mode_and_kind;
    podman_d8_users_of_images: files::docker_d8_a_user_of_the_image_may_write_output_files;
    podman_d8_users_without_files: files::docker_d8_a_user_without_files_may_write_to_its_working_directory;
    podman_d9_mounted_files: files::docker_d9_mounted_files_are_not_copied;
    podman_d11_policies: images::docker_d11_policies_with_an_absent_and_a_present_image;
    podman_d12_digests: images::docker_d12_an_image_is_pulled_by_its_digest;
    podman_d12_without_a_tag: images::docker_d12_without_a_tag_the_latest_is_meant;
    podman_d13_credentials: images::docker_d13_a_private_registry_takes_credentials_from_both_properties;
    podman_d13_refusals: images::docker_d13_a_refusal_says_whose_credentials_were_used;
    podman_d15_one_pull: images::docker_d15_three_tasks_pull_once;
    podman_d16_limits: resources::docker_d16_limits_reach_the_cgroup;
    podman_d17_out_of_memory: resources::docker_d17_out_of_memory_is_told_apart;
    podman_d17_a_kill_from_outside: resources::docker_d17_a_kill_from_outside_is_told_apart;
    podman_d18_without_grace: lifecycle::docker_d18_without_grace_a_kill_is_immediate;
    podman_d18_with_grace: lifecycle::docker_d18_with_grace_the_command_sees_the_signal_first;
    podman_d19_a_kill_ends_the_pull: images::docker_d19_a_kill_ends_the_pull;
    podman_d19_a_kill_before_the_start: lifecycle::docker_d19_a_kill_before_the_start_leaves_nothing;
    podman_d20_a_timeout: lifecycle::docker_d20_a_timeout_ends_the_container;
    podman_d21_another_host: resume::docker_d21_another_host_goes_on_where_the_first_one_stopped;
    podman_d21_a_dead_host: resume::docker_d21_a_dead_host_is_followed_by_one_that_knows_what_it_has;
    podman_d22_never_started: resume::docker_d22_a_container_that_was_never_started_is_discarded;
    podman_d22_exited: resume::docker_d22_the_result_of_an_exited_container_is_collected;
    podman_d24_output: logs::docker_d24_output_does_not_depend_on_what_the_engine_keeps;
    podman_d25_volumes: resources::docker_d25_volumes_need_the_administrator;
    podman_d26_a_taken_port: resources::docker_d26_a_taken_port_is_named;
    podman_d27_labels: resources::docker_d27_labels_are_on_container_and_volume;
    podman_d29_without_waiting: lifecycle::docker_d29_without_waiting_the_container_survives;
    podman_d30_volumes_of_the_image: lifecycle::docker_d30_volumes_of_the_image_do_not_pile_up;
    podman_d31_a_failed_start: files::docker_d31_a_failed_start_leaves_nothing;
    podman_a_command_that_is_not_in_the_image: lifecycle::a_command_that_is_not_in_the_image_ends_with_127;
    podman_left_overs: resume::a_left_over_of_the_same_key_is_replaced;
    podman_names_of_others: resume::somebody_elses_container_of_that_name_is_left_alone;
    podman_the_same_key_twice: resume::the_same_key_twice_is_one_container;
    podman_removed_by_hand: daemon::docker_bad_a_container_removed_by_hand_is_named;
}
