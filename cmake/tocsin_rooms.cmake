# SPDX-License-Identifier: Apache-2.0
# A room is a folder of sources, built into one static library that links only the rooms it may know.

add_library(tocsin_flags INTERFACE)
target_include_directories(tocsin_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(
  tocsin_flags
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wconversion
            -Wsign-conversion
            -Wshadow
            -Wnon-virtual-dtor
            -Wold-style-cast
            -Wimplicit-fallthrough
            # GCC 12 warns falsely of overlaps in std::string (its bug 105651).
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
            -Werror=switch)
if(TOCSIN_WERROR)
  target_compile_options(tocsin_flags INTERFACE -Werror)
endif()
if(TOCSIN_SANITIZE)
  list(JOIN TOCSIN_SANITIZE "," tocsin_sanitizers)
  target_compile_options(tocsin_flags INTERFACE -fsanitize=${tocsin_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tocsin_flags INTERFACE -fsanitize=${tocsin_sanitizers})
endif()
if(TOCSIN_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "TOCSIN_FUZZ needs Clang, for libFuzzer: use the preset `fuzz`")
  endif()
  target_compile_options(tocsin_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tocsin_flags INTERFACE -fsanitize=address,undefined)
endif()

# tocsin_room(NAME FOLDER [USES ROOM...]): the library tocsin_NAME from FOLDER/*.cc (and FOLDER/*/*.cc for alerts/sinks).
function(tocsin_room name folder)
  cmake_parse_arguments(ROOM "" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cc ${folder}/*.h)
  if(folder STREQUAL "alerts")
    file(GLOB more CONFIGURE_DEPENDS ${folder}/sinks/*.cc ${folder}/sinks/*.h)
    list(APPEND sources ${more})
  endif()
  list(FILTER sources EXCLUDE REGEX "app/main\\.cc$")
  if(NOT sources)  # a room whose first inhabitant is still to come
    set(sources ${CMAKE_BINARY_DIR}/${name}_room.cc)
    file(CONFIGURE OUTPUT ${sources} CONTENT "")
  endif()
  add_library(tocsin_${name} STATIC ${sources})
  set_target_properties(tocsin_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(tocsin_${name} PUBLIC tocsin_flags)
  foreach(room ${ROOM_USES})
    target_link_libraries(tocsin_${name} PUBLIC tocsin_${room})
  endforeach()
endfunction()

# tocsin_door(ROOM LIBRARY...): only this room sees these libraries' headers.
function(tocsin_door name)
  target_link_libraries(tocsin_${name} PRIVATE ${ARGN})
endfunction()
