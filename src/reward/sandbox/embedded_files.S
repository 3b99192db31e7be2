// See embedded.h, and functions/embedded.h for the last one. The build says where the files are.
  .section .rodata
  .global r1_stage_program, r1_stage_program_end, r1_stage_library, r1_stage_library_end
  .global r1_python_driver, r1_python_driver_end
r1_stage_program:
  .incbin R1_STAGE_PROGRAM
r1_stage_program_end:
r1_stage_library:
  .incbin R1_STAGE_LIBRARY
r1_stage_library_end:
r1_python_driver:
  .incbin R1_PYTHON_DRIVER
r1_python_driver_end:
  .global r1_function_driver, r1_function_driver_end
r1_function_driver:
  .incbin R1_FUNCTION_DRIVER
r1_function_driver_end:
  .global r1_reward_worker, r1_reward_worker_end
r1_reward_worker:
  .incbin R1_REWARD_WORKER
r1_reward_worker_end:
  .section .note.GNU-stack,"",%progbits
