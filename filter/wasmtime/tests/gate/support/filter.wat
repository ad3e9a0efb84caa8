;; A filter that does what the request tells it to, in every callback.
;;
;; The first byte of a header says what to do in the callback of that name: x-create, x-head, x-reply,
;; x-done, x-log, x-delete. In the body callback it is the last byte that the filter can see, and
;; x-end once there is nothing left to see. See $act for the bytes.
;;
;; `<<text>>` stands for the address and the length of that text; the test support puts it in.
(module
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $set_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove_header (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $send_response (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue_stream (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close_stream (param i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $act_for (param i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))

  ;; 0: where the host writes an address, 4: a size, 8: a version. Texts from 1024, one allocation
  ;; at a time from 65536.
  (memory (export "memory") 32)
  (global $live (mut i32) (i32.const 0))
  (global $first (mut i32) (i32.const 0))

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))

  (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
    (i32.const 1))

  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (if (i32.eq (call $configured) (i32.const 110)) ;; n: no
      (then
        (drop (call $log (i32.const 3) <<the policy names no key>>))
        (return (i32.const 0))))
    (if (i32.eq (call $configured) (i32.const 116)) (then unreachable)) ;; t: trap
    ;; Also refuse as long as there is shared data of this name: so a rebuild can fail.
    (call $get_shared <<refuse to start>> (i32.const 0) (i32.const 4) (i32.const 8)))

  (func (export "proxy_on_context_create") (param $context i32) (param $root i32)
    (if (local.get $root) (then
      (global.set $live (i32.add (global.get $live) (i32.const 1)))
      (if (i32.eqz (global.get $first)) (then (global.set $first (local.get $context))))
      (drop (call $act (call $header <<x-create>>))))))

  (func (export "proxy_on_request_headers") (param i32 i32) (param $end i32) (result i32)
    (drop (call $remove_header (i32.const 0) <<x-secret>>))
    (drop (call $add_header (i32.const 0) <<x-permit>> <<p1>>))
    (if (i32.eqz (call $get_property <<source\00address>> (i32.const 0) (i32.const 4)))
      (then (drop (call $set_property <<lunette.peer>> (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
    (call $act (call $header <<x-head>>)))

  (func (export "proxy_on_request_body") (param $context i32) (param $size i32) (param $end i32) (result i32)
    (local $action i32)
    (local.set $action
      (if (result i32) (local.get $size)
        (then (call $act (call $last_byte (local.get $size))))
        (else (call $act (call $header <<x-end>>)))))
    ;; Works only while the head is still here.
    (if (i32.eqz (local.get $action))
      (then (drop (call $set_header (i32.const 0) <<x-resumed>> <<yes>>))))
    (local.get $action))

  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $remove_header (i32.const 2) <<lunette-verdict>>))
    (drop (call $add_header (i32.const 2) <<x-gate>> <<passed>>))
    (call $act (call $header <<x-reply>>)))

  (func (export "proxy_on_done") (param i32) (result i32)
    (i32.eqz (call $act (call $header <<x-done>>))))
  (func (export "proxy_on_log") (param i32)
    (drop (call $act (call $header <<x-log>>))))
  (func (export "proxy_on_delete") (param i32)
    (global.set $live (i32.sub (global.get $live) (i32.const 1)))
    (drop (call $act (call $header <<x-delete>>))))

  ;; Does what one byte tells and returns the action: 0 continue, 1 pause.
  (func $act (param $what i32) (result i32)
    ;; p: pause.
    (if (i32.eq (local.get $what) (i32.const 112)) (then (return (i32.const 1))))
    ;; r: refuse with 403.
    (if (i32.eq (local.get $what) (i32.const 114)) (then
      (drop (call $set_property <<lunette.code>> <<no-entry>>))
      (drop (call $set_property <<lunette.reason>> <<told-so>>))
      (drop (call $send_response (i32.const 403) <<>> <<no entry>>
        <<\02\00\00\00\0c\00\00\00\0a\00\00\00\0e\00\00\00\02\00\00\00content-type\00text/plain\00content-length\0099\00>>
        (i32.const -1)))
      (return (i32.const 1))))
    ;; t: trap.
    (if (i32.eq (local.get $what) (i32.const 116)) (then unreachable))
    ;; l: loop for ever.
    (if (i32.eq (local.get $what) (i32.const 108)) (then (loop $again (br $again))))
    ;; m: take memory until there is none, then fail as Rust's allocator does.
    (if (i32.eq (local.get $what) (i32.const 109)) (then
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      (drop (call $log (i32.const 4) <<memory allocation of 1048576 bytes failed>>))
      unreachable))
    ;; g: an action that the ABI does not have.
    (if (i32.eq (local.get $what) (i32.const 103)) (then (return (i32.const 7))))
    ;; s and S: note everything visible of the body; S pauses.
    (if (i32.eq (i32.or (local.get $what) (i32.const 32)) (i32.const 115)) (then
      (if (call $get_buffer (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 0) (i32.const 4)) (then unreachable))
      (if (call $set_property <<lunette.seen>> (i32.load (i32.const 0)) (i32.load (i32.const 4))) (then unreachable))
      (return (i32.eq (local.get $what) (i32.const 83)))))
    ;; u: resume, and pause all the same.
    (if (i32.eq (local.get $what) (i32.const 117)) (then
      (if (call $continue_stream (i32.const 0)) (then unreachable))
      (return (i32.const 1))))
    ;; x: close the stream.
    (if (i32.eq (local.get $what) (i32.const 120)) (then (drop (call $close_stream (i32.const 0)))))
    ;; h: try to change what the host alone may change; trap if it can.
    (if (i32.eq (local.get $what) (i32.const 104)) (then
      (if (i32.eqz (call $set_header (i32.const 0) <<:path>> <</evil>>)) (then unreachable))
      (if (i32.eqz (call $add_header (i32.const 0) <<x-a>> <<line\0d\0abreak>>)) (then unreachable))
      (if (i32.eqz (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 1) <<evil>>)) (then unreachable))))
    ;; o: try to read and answer for the first request of this VM; trap if that works.
    (if (i32.eq (local.get $what) (i32.const 111)) (then
      (if (call $act_for (global.get $first)) (then unreachable))
      (if (call $header <<x-head>>) (then unreachable))
      (if (i32.eqz (call $send_response (i32.const 403) <<>> <<>> <<>> (i32.const -1))) (then unreachable))))
    ;; d: note the shared data `answer`, and see that it cannot be written (8: compare-and-set).
    (if (i32.eq (local.get $what) (i32.const 100)) (then
      (if (call $get_shared <<answer>> (i32.const 0) (i32.const 4) (i32.const 8)) (then unreachable))
      (drop (call $set_property <<lunette.data>> (i32.load (i32.const 0)) (i32.load (i32.const 4))))
      (if (i32.ne (call $set_shared <<answer>> <<43>> (i32.const 0)) (i32.const 8)) (then unreachable))))
    ;; e: note the environment.
    (if (i32.eq (local.get $what) (i32.const 101)) (then
      (drop (call $environ_sizes (i32.const 0) (i32.const 4)))
      (drop (call $environ (i32.const 512) (i32.const 65536)))
      (drop (call $set_property <<lunette.environment>> (i32.const 65536) (i32.load (i32.const 4))))))
    ;; n: note how many requests this VM has, this one included, as one digit.
    (if (i32.eq (local.get $what) (i32.const 110)) (then
      (i32.store8 (i32.const 16) (i32.add (i32.const 48) (global.get $live)))
      (drop (call $set_property <<lunette.live>> (i32.const 16) (i32.const 1)))))
    (i32.const 0))

  ;; The first byte of a request header, or 0.
  (func $header (param $name i32) (param $length i32) (result i32)
    (if (call $get_header (i32.const 0) (local.get $name) (local.get $length) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (call $first_byte))

  (func $last_byte (param $size i32) (result i32)
    (if (call $get_buffer (i32.const 0) (i32.sub (local.get $size) (i32.const 1)) (i32.const 1) (i32.const 0) (i32.const 4))
      (then unreachable))
    (call $first_byte))

  ;; The first byte of the plugin configuration, or 0.
  (func $configured (result i32)
    (if (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (call $first_byte))

  (func $first_byte (result i32)
    (if (i32.eqz (i32.load (i32.const 4))) (then (return (i32.const 0))))
    (i32.load8_u (i32.load (i32.const 0))))
)
