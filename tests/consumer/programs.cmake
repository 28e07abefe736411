# What a project can build with waggle, whichever way it took it up: the names are the same.

add_executable(program ${CMAKE_CURRENT_LIST_DIR}/program.cpp)
target_link_libraries(program PRIVATE waggle::waggle)
add_library(linked SHARED ${CMAKE_CURRENT_LIST_DIR}/library.cpp)
target_link_libraries(linked PRIVATE waggle::waggle)
add_library(plugin MODULE ${CMAKE_CURRENT_LIST_DIR}/library.cpp)
target_link_libraries(plugin PRIVATE waggle::waggle)

if(TARGET waggle::sdk)
  add_executable(application ${CMAKE_CURRENT_LIST_DIR}/application.cpp)
  target_link_libraries(application PRIVATE waggle::sdk linked)
endif()

foreach(target waggle_light_tests waggle_sdk_tests waggle_headers)
  if(TARGET ${target})
    message(FATAL_ERROR "waggle brings its own ${target} along")
  endif()
endforeach()
