# find_package(waggle) gives waggle::waggle, the headers that make spans, which needs no library;
# find_package(waggle COMPONENTS sdk) gives waggle::sdk too, for the file that configures tracing.

cmake_policy(VERSION 3.21)
include(${CMAKE_CURRENT_LIST_DIR}/waggleTargets.cmake)
set(waggle_light_FOUND TRUE)

if("sdk" IN_LIST waggle_FIND_COMPONENTS)
  include(${CMAKE_CURRENT_LIST_DIR}/waggleLibraries.cmake)
  set(waggle_sdk_FOUND TRUE)
  if(waggle_missing)
    set(waggle_sdk_FOUND FALSE)
    string(JOIN ", " waggle_sdk_why ${waggle_missing})
    string(PREPEND waggle_sdk_why "; not found: ")
  elseif(NOT TARGET waggle::sdk)
    add_library(waggle::sdk INTERFACE IMPORTED)
    set_target_properties(waggle::sdk PROPERTIES
      INTERFACE_LINK_LIBRARIES "waggle::waggle;${waggle_libraries}")
  endif()
endif()

foreach(waggle_component IN LISTS waggle_FIND_COMPONENTS)
  if(waggle_FIND_REQUIRED_${waggle_component} AND NOT waggle_${waggle_component}_FOUND)
    set(waggle_FOUND FALSE)
    if(waggle_component STREQUAL "sdk")
      set(waggle_NOT_FOUND_MESSAGE "waggle: its component sdk needs libraries${waggle_sdk_why}")
    else()
      set(waggle_NOT_FOUND_MESSAGE "waggle: has the components light and sdk, but no ${waggle_component}")
    endif()
  endif()
endforeach()
