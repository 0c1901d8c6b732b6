# The engine and the wire need no socket, TLS, thread or poll: their archives name no such symbol.
foreach(archive ${ENGINE} ${WIRE})
  execute_process(COMMAND ${NM} -u ${archive} OUTPUT_VARIABLE symbols RESULT_VARIABLE result
                  ERROR_QUIET)
  if(NOT result EQUAL 0 OR symbols STREQUAL "")
    message(FATAL_ERROR "${NM} reads no symbols of ${archive}")
  endif()
  string(REGEX MATCHALL
         "U (SSL_|CRYPTO_|EVP_|X509_|socket|connect|poll|getaddrinfo|pthread_create|clock_gettime)[A-Za-z_0-9]*"
         found "${symbols}")
  if(found)
    message(FATAL_ERROR "${archive} needs ${found}")
  endif()
endforeach()
# hiredis' reader takes replies apart in the wire; the engine knows only what comes out.
execute_process(COMMAND ${NM} -u ${ENGINE} OUTPUT_VARIABLE symbols ERROR_QUIET)
if(symbols MATCHES "U (redis[A-Z][A-Za-z]*)\n")
  message(FATAL_ERROR "${ENGINE} needs ${CMAKE_MATCH_1}")
endif()
