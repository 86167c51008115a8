-- A record that was read well is set aside no longer; where its type could not be read, its id tells which it is.
delete from persons.set_aside
where feed = $feed
  and (key in (select concat_ws(' ', {keys}) from staged_{table})
       or (reasons like '%document_type must%' and id in (select {id} from staged_{table})));
